package import ObjectStorage
package import Objects
import Platform

/// A wrapper of any store that fails the requests a script picks, by their number: so a test can loop over
/// "the Nth request fails" until none does. `InMemoryStore` has faults of its own; this one serves the other stores.
package final class FaultyStore: ObjectStore {
  package enum Fault: Sendable {
    /// Instead of the answer.
    case failure(StoreError)
    /// A GET breaks after so many body bytes; of other requests, as `failure`.
    case broken(after: Int, StoreError)
  }

  private let inner: any ObjectStore
  private let script: @Sendable (Int) -> Fault?
  private let asked = Monitor(0)

  /// `script` is asked with the number of each request, from 1, all kinds counted together.
  package init(_ inner: any ObjectStore, _ script: @escaping @Sendable (Int) -> Fault?) {
    self.inner = inner
    self.script = script
  }

  /// Requests until now.
  package var count: Int { asked.withLock { $0 } }
  package var canList: Bool { inner.canList }

  @discardableResult
  package func get(_ request: GetRequest, to receiver: any GetReceiver) -> any Transfer {
    switch next() {
    case nil: return inner.get(request, to: receiver)
    case .failure(let error): return fail { receiver.end(error) }
    case .broken(let count, let error):
      let breaking = BreakingReceiver(receiver, after: count, error)
      return inner.get(request, to: breaking)
    }
  }

  @discardableResult
  package func head(
    _ key: ObjectKey, priority: TransferPriority,
    _ completion: @escaping @Sendable (Result<ObjectVersion, StoreError>) -> Void
  ) -> any Transfer {
    switch next() {
    case nil: return inner.head(key, priority: priority, completion)
    case .failure(let error), .broken(_, let error): return fail { completion(.failure(error)) }
    }
  }

  @discardableResult
  package func list(
    _ request: ListRequest, _ completion: @escaping @Sendable (Result<ListPage, StoreError>) -> Void
  ) -> any Transfer {
    switch next() {
    case nil: return inner.list(request, completion)
    case .failure(let error), .broken(_, let error): return fail { completion(.failure(error)) }
    }
  }

  private func next() -> Fault? {
    let number = asked.withLock { asked in
      asked += 1
      return asked
    }
    return script(number)
  }

  /// Never on the caller's stack.
  private func fail(_ answer: @escaping @Sendable () -> Void) -> any Transfer {
    do throws(Errno) { try Thread.startDetached("faulty-store", answer) } catch { fatalError("thread: \(error)") }
    return Answered()
  }

  private final class Answered: Transfer {
    func cancel() {}
    func promote() {}
  }

  /// Passes on so many bytes, then the failure, and nothing after.
  private final class BreakingReceiver: GetReceiver {
    private let inner: any GetReceiver
    private let error: StoreError
    /// Bytes still to pass; nil once broken.
    private let left: Monitor<Int?>

    init(_ inner: any GetReceiver, after count: Int, _ error: StoreError) {
      self.inner = inner
      self.error = error
      left = Monitor(count)
    }

    func begin(_ head: GetHead) { inner.begin(head) }

    func append(_ bytes: UnsafeRawBufferPointer) {
      let (pass, breaks) = left.withLock { left -> (Int, Bool) in
        guard let count = left else { return (0, false) }
        left = bytes.count > count ? nil : count - bytes.count
        return (min(count, bytes.count), left == nil)
      }
      if pass > 0 { inner.append(UnsafeRawBufferPointer(rebasing: bytes[..<pass])) }
      if breaks { inner.end(error) }
    }

    func end(_ failure: StoreError?) {
      let wasBroken = left.withLock { left in
        defer { left = nil }
        return left == nil
      }
      if !wasBroken { inner.end(failure ?? error) }
    }
  }
}
