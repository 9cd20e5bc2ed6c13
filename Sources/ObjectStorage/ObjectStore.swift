package import Objects

/// A remote: what answers for objects. S3, plain HTTP, a directory, or a test's memory.
///
/// Every call returns at once; answers come on a thread of the store, never on the caller's stack, and exactly once.
/// Keys are relative to the mounted prefix. Implementations do not retry; `RetryingStore` wraps one and does.
package protocol ObjectStore: AnyObject, Sendable {
  /// Whether `list` works at all (plain HTTP cannot).
  var canList: Bool { get }

  /// Bytes of an object. `receiver` gets the head once, then the body in order, then the end.
  @discardableResult
  func get(_ request: GetRequest, to receiver: any GetReceiver) -> any Transfer

  /// The current version, without a body.
  @discardableResult
  func head(
    _ key: ObjectKey, priority: TransferPriority,
    _ completion: @escaping @Sendable (Result<ObjectVersion, StoreError>) -> Void
  ) -> any Transfer

  /// One page of names.
  @discardableResult
  func list(
    _ request: ListRequest,
    _ completion: @escaping @Sendable (Result<ListPage, StoreError>) -> Void
  ) -> any Transfer
}

/// Where the bytes of a GET go. Called from one thread at a time; must not block for long and must not wait.
package protocol GetReceiver: AnyObject, Sendable {
  /// The response began: which version, and which bytes of it follow. Called at most once, also across retries.
  func begin(_ head: GetHead)
  /// The next bytes, in order. `bytes` is valid during the call only.
  func append(_ bytes: UnsafeRawBufferPointer)
  /// No more: all of `head.range` was appended, or the failure.
  func end(_ failure: StoreError?)
}

/// A request under way.
package protocol Transfer: AnyObject, Sendable {
  /// Stops it; its answer is then `StoreError.Kind.cancelled`, unless it was already on its way.
  func cancel()
  /// A prefetch that a reader now waits for goes before other prefetches.
  func promote()
}

package enum TransferPriority: Int, Comparable, Sendable {
  case prefetch = 0
  case demand = 1
  package static func < (a: Self, b: Self) -> Bool { a.rawValue < b.rawValue }
}
