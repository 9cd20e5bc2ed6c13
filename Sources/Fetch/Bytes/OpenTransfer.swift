import ObjectStorage
import Objects
import Platform

/// A GET on lookup: of a key whose size is not known yet. Its head answers the lookup; then it is an ordinary part.
final class OpenTransfer: GetReceiver, @unchecked Sendable {
  typealias Answer = @Sendable (Result<ObjectReference, FetchFailure>) -> Void

  // Written once.
  let id: PartID
  let key: ObjectKey
  /// What is asked for besides the head.
  let range: GetRequest.Range
  let register: @Sendable (ObjectVersion) -> ObjectReference
  private let fetcher: Fetcher

  // Used by the store's thread.
  private var part: PartTransfer?
  private var hasBegun = false

  // Guarded by the fetcher's lock.
  var waiters: [PendingOpen] = []
  var priority: TransferPriority
  var transfer: (any Transfer)?
  var isCancelled = false
  var hasEnded = false
  /// When the GET was sent.
  var started: MonotonicTime?
  /// Whose transfer it is, once the head is in.
  var adopted: PartTransfer?

  init(
    id: PartID, _ key: ObjectKey, _ range: GetRequest.Range, priority: TransferPriority, fetcher: Fetcher,
    register: @escaping @Sendable (ObjectVersion) -> ObjectReference
  ) {
    self.id = id
    self.key = key
    self.range = range
    self.priority = priority
    self.fetcher = fetcher
    self.register = register
  }

  /// Whether its body begins where this range of an object of this size begins, or before.
  func brings(_ wanted: ByteRange, size: Int64) -> Bool {
    switch range {
    case .whole: true
    case .bytes(let bytes): bytes.contains(wanted.lowerBound)
    case .suffix(let count): wanted.lowerBound >= size - count
    }
  }

  func begin(_ head: GetHead) {
    hasBegun = true
    part = fetcher.opened(self, head)
    part?.begin(head)
  }

  func append(_ bytes: UnsafeRawBufferPointer) { part?.append(bytes) }

  func end(_ failure: StoreError?) {
    if let part {
      self.part = nil
      part.end(failure)
      return fetcher.forget(self)
    }
    if hasBegun { return fetcher.openEnded(self) }
    fetcher.openFailed(self, failure ?? StoreError(.garbled, "GET \(key): no head"))
  }
}

/// One who waits for the head.
final class PendingOpen: PendingRead, @unchecked Sendable {
  let answer: OpenTransfer.Answer
  /// The transfer holds its waiters, until they are answered.
  let transfer: OpenTransfer
  private let fetcher: Fetcher

  init(_ transfer: OpenTransfer, fetcher: Fetcher, answer: @escaping OpenTransfer.Answer) {
    self.transfer = transfer
    self.fetcher = fetcher
    self.answer = answer
  }

  func interrupt() { fetcher.interrupt(self) }
}
