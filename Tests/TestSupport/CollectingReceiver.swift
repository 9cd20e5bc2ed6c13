package import ObjectStorage
package import Objects
import Platform

/// Gathers a GET, and lets the test wait for its head, some of its bytes, or its end.
package final class CollectingReceiver: GetReceiver {
  /// What came until now.
  package struct Contents: Sendable {
    package var heads: [GetHead] = []
    package var bytes: [UInt8] = []
    /// How often `end` was called: 1 when over.
    package var ends = 0
    package var failure: StoreError?

    package var head: GetHead? { heads.first }
    package var isOver: Bool { ends > 0 }
    /// One head, one end, no failure, and as many bytes as the head said.
    package var isComplete: Bool {
      guard heads.count == 1, ends == 1, failure == nil, let head else { return false }
      return bytes.count == head.range.count
    }
  }

  private let state = Monitor(Contents())

  package init() {}

  package func begin(_ head: GetHead) { state.withLockNotifying { $0.heads.append(head) } }

  package func append(_ bytes: UnsafeRawBufferPointer) {
    state.withLockNotifying { $0.bytes.append(contentsOf: bytes) }
  }

  package func end(_ failure: StoreError?) {
    state.withLockNotifying {
      $0.ends += 1
      $0.failure = failure
    }
  }

  /// Waits for the end.
  @discardableResult
  package func wait() -> Contents { state.expect("the end of a GET") { $0.isOver ? $0 : nil } }

  /// Waits until so many body bytes came, or the end.
  @discardableResult
  package func wait(bytes count: Int) -> Contents {
    state.expect("\(count) bytes of a GET") { $0.bytes.count >= count || $0.isOver ? $0 : nil }
  }

  /// Waits for the head, or the end.
  @discardableResult
  package func waitForHead() -> Contents {
    state.expect("the head of a GET") { !$0.heads.isEmpty || $0.isOver ? $0 : nil }
  }

  /// Without waiting.
  package var contents: Contents { state.withLock { $0 } }
}

extension ObjectStore {
  /// A whole GET, waited for.
  package func getAndWait(
    _ key: ObjectKey, _ range: GetRequest.Range = .whole, expected: ObjectVersion? = nil
  ) -> CollectingReceiver.Contents {
    let receiver = CollectingReceiver()
    get(GetRequest(key: key, range: range, expected: expected), to: receiver)
    return withExtendedLifetime(self) { receiver.wait() }
  }

  /// A HEAD, waited for.
  package func headAndWait(_ key: ObjectKey) -> Result<ObjectVersion, StoreError> {
    let answer = AnswerSlot<Result<ObjectVersion, StoreError>>()
    head(key, priority: .demand, answer.fill)
    return withExtendedLifetime(self) { answer.wait("a HEAD") }
  }

  /// One page of a listing, waited for.
  package func listAndWait(_ request: ListRequest) -> Result<ListPage, StoreError> {
    let answer = AnswerSlot<Result<ListPage, StoreError>>()
    list(request, answer.fill)
    return withExtendedLifetime(self) { answer.wait("a LIST") }
  }
}
