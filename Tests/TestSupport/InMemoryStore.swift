package import ObjectStorage
package import Objects
import Platform

/// A store in memory whose answers a test can count, hold, let go one by one, and make fail.
///
/// Answers come on one thread of its own, demand first, each kind in the order asked. A GET is of the version that is
/// there when its head is answered; its body goes on with those bytes if the object is replaced.
/// The controls are in `InMemoryStore+Controls.swift`.
package final class InMemoryStore: ObjectStore {
  /// What was asked, in the order of asking.
  package struct Request: Sendable {
    package enum Kind: Hashable, Sendable { case get, head, list }
    package var kind: Kind
    /// For a listing, its prefix.
    package var key: ObjectKey
    /// Of a GET.
    package var range: GetRequest.Range?
    package var priority: TransferPriority
  }

  package let canList: Bool
  let state = Monitor(State())

  package init(canList: Bool = true, bucket: InMemoryBucket = InMemoryBucket()) {
    self.canList = canList
    state.withLock { $0.bucket = bucket }
    let state = self.state
    do throws(Errno) { try Thread.startDetached("memory-store") { Self.serve(state) } } catch {
      fatalError("thread: \(error)")
    }
  }

  deinit { state.withLockNotifying { $0.isStopped = true } }

  @discardableResult
  package func get(_ request: GetRequest, to receiver: any GetReceiver) -> any Transfer {
    enqueue(
      Request(kind: .get, key: request.key, range: request.range, priority: request.priority), .get(request, receiver))
  }

  @discardableResult
  package func head(
    _ key: ObjectKey, priority: TransferPriority,
    _ completion: @escaping @Sendable (Result<ObjectVersion, StoreError>) -> Void
  ) -> any Transfer {
    enqueue(Request(kind: .head, key: key, range: nil, priority: priority), .head(key, completion))
  }

  @discardableResult
  package func list(
    _ request: ListRequest, _ completion: @escaping @Sendable (Result<ListPage, StoreError>) -> Void
  ) -> any Transfer {
    let refusal = canList ? nil : StoreError(.rejected, "memory: this store cannot list")
    return enqueue(
      Request(kind: .list, key: request.prefix, range: nil, priority: request.priority),
      .list(request, completion), failure: refusal)
  }

  private func enqueue(_ request: Request, _ work: Operation.Work, failure: StoreError? = nil) -> any Transfer {
    let operation = Operation(request, work, in: state)
    operation.failure = failure
    state.withLockNotifying { state in
      state.requests.append(request)
      state.pending.append(operation)
    }
    return operation
  }

  // MARK: The thread

  private static func serve(_ monitor: Monitor<State>) {
    while true {
      switch monitor.wait({ $0.nextStep() }) {
      case .stop(let left):
        for operation in left { operation.fail(cancelled) }
        return
      case .fail(let operation, let error): operation.fail(error)
      case .head(let completion, let result): completion(result)
      case .list(let completion, let result): completion(result)
      case .begin(let operation, let head, let receiver):
        receiver.begin(head)
        monitor.withLockNotifying { $0.returnToFront(operation) }
      case .piece(let operation, let range, let receiver):
        operation.bytes.withUnsafeBytes { receiver.append(.init(rebasing: $0[range])) }
        monitor.withLockNotifying { state in
          state.bytesSent += Int64(range.count)
          state.returnToFront(operation)
        }
      case .end(let receiver): receiver.end(nil)
      }
    }
  }

  static var cancelled: StoreError { StoreError(.cancelled, "memory: cancelled") }

  /// A request under way. All that varies is guarded by the store's monitor.
  final class Operation: Transfer, @unchecked Sendable {
    enum Work {
      case get(GetRequest, any GetReceiver)
      case head(ObjectKey, @Sendable (Result<ObjectVersion, StoreError>) -> Void)
      case list(ListRequest, @Sendable (Result<ListPage, StoreError>) -> Void)
    }

    let request: Request
    let work: Work
    private let state: Monitor<State>
    var priority: TransferPriority
    var isCancelled = false
    /// Answered instead of the work.
    var failure: StoreError?
    /// A GET that breaks in its body: after so many bytes, with what.
    var bodyFailure: (after: Int, error: StoreError)?
    /// The body, once the head was answered: what is there, and how much of `range` went out.
    var bytes: [UInt8] = []
    var range: Range<Int>?
    var sent = 0

    init(_ request: Request, _ work: Work, in state: Monitor<State>) {
      self.request = request
      self.work = work
      self.state = state
      priority = request.priority
    }

    func cancel() { state.withLockNotifying { _ in isCancelled = true } }
    func promote() { state.withLockNotifying { _ in priority = .demand } }

    /// Called on the store's thread, without the lock.
    func fail(_ error: StoreError) {
      switch work {
      case .get(_, let receiver): receiver.end(error)
      case .head(_, let completion): completion(.failure(error))
      case .list(_, let completion): completion(.failure(error))
      }
    }
  }
}
