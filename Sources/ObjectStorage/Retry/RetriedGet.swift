import Objects
import Platform

/// One GET over all its tries: the receiver of each try, and the stream that the caller sees.
///
/// Tries follow one another and each calls from one thread at a time; the monitor carries the state from one to the next.
final class RetriedGet: Sendable {
  private struct State {
    var effort: RetryingStore.Effort
    /// Of the first try that got so far: what the caller was promised.
    var promised: GetHead?
    /// Offset of the next byte to pass on.
    var next: Int64 = 0
  }

  private let request: GetRequest
  private let chain: TransferChain
  private let owner: RetryingStore
  private let store: any ObjectStore
  private let receiver: any GetReceiver
  private let state: Monitor<State>

  init(
    _ request: GetRequest, _ chain: TransferChain, of owner: RetryingStore, _ store: any ObjectStore,
    to receiver: any GetReceiver
  ) {
    self.request = request
    self.chain = chain
    self.owner = owner
    self.store = store
    self.receiver = receiver
    state = Monitor(State(effort: RetryingStore.Effort(began: owner.time.monotonic())))
  }

  func start() {
    let request = state.withLock { state in
      var request = self.request
      request.priority = chain.priority
      if let promised = state.promised {
        request.range = .bytes(state.next..<promised.range.upperBound)
        request.expected = promised.version
      }
      return request
    }
    chain.run { store.get(request, to: Try(self)) }
  }

  /// A try's head: the bytes of it that were passed on already, or why it cannot go on.
  fileprivate func begin(_ head: GetHead) -> Result<Int64, StoreError> {
    enum Step { case first, skip(Int64), fail(StoreError) }
    let step = state.withLock { state -> Step in
      guard let promised = state.promised else {
        state.promised = head
        state.next = head.range.lowerBound
        return .first
      }
      guard ObjectResponse.isSame(head.version, as: promised.version) else {
        return .fail(StoreError(.changed, "\(request.key): the object has changed"))
      }
      guard head.range.lowerBound <= state.next, head.range.upperBound >= promised.range.upperBound else {
        return .fail(StoreError(.garbled, "\(request.key): the server sent other bytes than the rest asked for"))
      }
      return .skip(state.next - head.range.lowerBound)
    }
    switch step {
    case .first:
      receiver.begin(head)
      return .success(0)
    case .skip(let count): return .success(count)
    case .fail(let error): return .failure(error)
    }
  }

  fileprivate func append(_ bytes: UnsafeRawBufferPointer) {
    let now = owner.time.monotonic()
    let count = state.withLock { state -> Int in
      let left = (state.promised?.range.upperBound ?? 0) - state.next
      let count = Int(min(left, Int64(bytes.count)))
      state.next += Int64(count)
      // Progress: the patience begins anew.
      if count > 0 { state.effort = RetryingStore.Effort(began: now) }
      return count
    }
    if count > 0 { receiver.append(UnsafeRawBufferPointer(rebasing: bytes[..<count])) }
  }

  fileprivate func end(_ failure: StoreError?) {
    let (isComplete, effort) = state.withLock { state in
      (state.promised.map { state.next == $0.range.upperBound } ?? false, state.effort)
    }
    if isComplete {
      // The last byte is there: how the connection ended does not matter any more.
      let isHarmless = failure.map { $0.kind == .unavailable || $0.kind == .misconfigured } ?? true
      return receiver.end(isHarmless ? nil : failure)
    }
    let error = failure ?? StoreError(.unavailable, "\(request.key): the body ended early")
    owner.retry(after: error, effort, chain) { [self] effort in
      state.withLock { $0.effort = effort }
      start()
    } giveUp: { [receiver] in
      receiver.end($0)
    }
  }

  /// The receiver of one try. Called from one thread at a time.
  private final class Try: GetReceiver, @unchecked Sendable {
    private let get: RetriedGet
    private var skip: Int64 = 0
    private var problem: StoreError?

    init(_ get: RetriedGet) { self.get = get }

    func begin(_ head: GetHead) {
      switch get.begin(head) {
      case .success(let count): skip = count
      case .failure(let error):
        problem = error
        // The rest of the response is of no use.
        get.chain.stopCurrent()
      }
    }

    func append(_ bytes: UnsafeRawBufferPointer) {
      guard problem == nil else { return }
      let skipped = min(skip, Int64(bytes.count))
      skip -= skipped
      if skipped < bytes.count { get.append(UnsafeRawBufferPointer(rebasing: bytes[Int(skipped)...])) }
    }

    func end(_ failure: StoreError?) { get.end(problem ?? failure) }
  }
}
