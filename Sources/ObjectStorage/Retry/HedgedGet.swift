import Objects
import Platform

/// One GET that may be made twice: the caller sees one transfer and one stream.
final class HedgedGet: Transfer {
  private struct State {
    var race = HedgeRace()
    // Gone with the end of each: a transfer holds its receiver, and that holds this.
    var first: TransferChain?
    var second: TransferChain?
    var receiver: (any GetReceiver)?
  }

  private let request: GetRequest
  private let owner: HedgingStore
  private let began: MonotonicTime
  private let state: Monitor<State>

  init(_ request: GetRequest, of owner: HedgingStore, to receiver: any GetReceiver) {
    self.request = request
    self.owner = owner
    began = owner.time.monotonic()
    state = Monitor(State(receiver: receiver))
  }

  func start() {
    let chain = TransferChain(request.priority)
    state.withLock { $0.first = chain }
    chain.run { owner.store.get(request, to: Entrant(self, .first)) }
  }

  /// The usual time is over: makes the GET once more, if its head is still out and the policy allows it.
  func startSecond() {
    guard state.withLock({ $0.race.canStartSecond }), owner.takeSecond() else { return }
    let chain = TransferChain(request.priority)
    let starts = state.withLock { state in
      guard state.race.startSecond() else { return false }
      state.second = chain
      return true
    }
    guard starts else { return }
    owner.statistics.countHedge()
    chain.run { owner.store.get(request, to: Entrant(self, .second)) }
  }

  func cancel() {
    let (first, second) = state.withLock { state in
      state.race.cancel()
      return (state.first, state.second)
    }
    first?.cancel()
    second?.cancel()
  }

  func promote() {
    let (first, second) = state.withLock { ($0.first, $0.second) }
    first?.promote()
    second?.promote()
  }

  /// A head: whom its body is for; nil where the other GET was faster.
  fileprivate func begin(_ runner: HedgeRace.Runner, _ head: GetHead) -> (any GetReceiver)? {
    let (receiver, loser): ((any GetReceiver)?, TransferChain?) = state.withLock { state in
      switch state.race.begin(runner) {
      case .late: (nil, nil)
      case .wins(false): (state.receiver, nil)
      case .wins(true): (state.receiver, runner == .first ? state.second : state.first)
      }
    }
    guard let receiver else { return nil }
    loser?.cancel()
    owner.note(owner.time.monotonic() - began)
    if runner == .second { owner.statistics.countHedgeWon() }
    receiver.begin(head)
    return receiver
  }

  fileprivate func end(_ runner: HedgeRace.Runner, _ failure: StoreError?) {
    let (receiver, verdict): ((any GetReceiver)?, StoreError?) = state.withLock { state in
      switch runner {
      case .first: state.first = nil
      case .second: state.second = nil
      }
      guard case .tell(let verdict) = state.race.end(runner, failure) else { return (nil, nil) }
      defer { state.receiver = nil }
      return (state.receiver, verdict)
    }
    receiver?.end(verdict)
  }

  /// The receiver of one of the two. Called from one thread at a time.
  private final class Entrant: GetReceiver, @unchecked Sendable {
    private let get: HedgedGet
    private let runner: HedgeRace.Runner
    /// Once it has won.
    private var receiver: (any GetReceiver)?

    init(_ get: HedgedGet, _ runner: HedgeRace.Runner) {
      self.get = get
      self.runner = runner
    }

    func begin(_ head: GetHead) { receiver = get.begin(runner, head) }
    func append(_ bytes: UnsafeRawBufferPointer) { receiver?.append(bytes) }

    func end(_ failure: StoreError?) {
      receiver = nil
      get.end(runner, failure)
    }
  }
}
