import Cache
import ObjectStorage
import Objects
import Platform

/// One part on its way: takes the bytes from the store and tells the fetcher how far they are.
///
/// Holds the receiver's rules: one version, the range that was asked and nothing else, and no end before the last byte.
final class PartTransfer: GetReceiver, @unchecked Sendable {
  // Written once.
  let id: PartID
  let object: ObjectReference
  let range: ByteRange
  /// nil: through memory.
  let body: Body?
  private let fetcher: Fetcher

  /// Written before the GET starts; read by others only once bytes have arrived.
  var storage: PartStorage?

  // Used by the store's thread.
  /// Offset of the next byte that the body brings.
  private var position: Int64 = 0
  private var arrived: Int64 = 0
  private var refusal: StoreError?
  /// The CRC-32 that the whole object has, where this part is the whole and the remote says it: nothing is answered
  /// before it was compared.
  private var expected: UInt32?
  private var checksum: UInt32 = 0
  private var isLost = false
  /// When the head came.
  private var headed: MonotonicTime?

  // Guarded by the fetcher's lock.
  var priority: TransferPriority
  var transfer: (any Transfer)?
  var isCancelled = false
  /// When the GET was sent.
  var started: MonotonicTime?

  init(
    id: PartID, _ object: ObjectReference, _ range: ByteRange, body: Body?, priority: TransferPriority, fetcher: Fetcher
  ) {
    self.id = id
    self.object = object
    self.range = range
    self.body = body
    self.priority = priority
    self.fetcher = fetcher
  }

  func begin(_ head: GetHead) {
    headed = fetcher.time.monotonic()
    position = head.range.lowerBound
    if !Self.isSame(head.version, object.version) {
      refuse(StoreError(.changed, "\(object.key) is another version now"))
    } else if head.range.lowerBound > range.lowerBound {
      refuse(StoreError(.garbled, "GET \(object.key): other bytes than the ones asked for"))
    }
    if range == 0..<head.version.size, head.range == range { expected = head.checksum }
  }

  func append(_ bytes: UnsafeRawBufferPointer) {
    let came = position..<position + Int64(bytes.count)
    position = came.upperBound
    guard refusal == nil, !isLost else { return }
    // A server without ranges sends what was not asked for, before and after.
    let next = range.lowerBound + arrived
    let wanted = came.clamped(to: next..<range.upperBound)
    if !wanted.isEmpty, let storage {
      let lower = Int(wanted.lowerBound - came.lowerBound)
      guard storage.append(UnsafeRawBufferPointer(rebasing: bytes[lower..<lower + wanted.count])) else {
        isLost = true
        fetcher.cancel(self)
        return
      }
      if expected != nil {
        checksum = Checksum.adding(
          UnsafeRawBufferPointer(rebasing: bytes[lower..<lower + wanted.count]), to: checksum)
      }
      arrived += Int64(wanted.count)
      fetcher.progressed(self, arrived: expected == nil ? arrived : 0, by: Int64(wanted.count))
    }
    if arrived == Int64(range.count), came.upperBound > range.upperBound { fetcher.cancel(self) }
  }

  func end(_ failure: StoreError?) {
    let isWhole = arrived == Int64(range.count)
    let end: FetchTable.End
    var keep = true
    var isDamaged = false
    if let refusal {
      end = .failed(FetchFailure(refusal))
      keep = false
    } else if isLost {
      end = .abandoned
    } else if let failure, !(isWhole && failure.kind == .cancelled) {
      end = failure.kind == .cancelled ? .abandoned : .failed(FetchFailure(failure))
      // All is in and the store still complains: a checksum. What is whole but wrong must not stay.
      keep = !isWhole && failure.kind != .rejected && failure.kind != .garbled
    } else if isWhole, let expected, checksum != expected {
      isDamaged = true
      end = .abandoned
      keep = false
    } else if isWhole {
      end = .complete
    } else {
      // Never zeros for bytes that did not come (promise 1).
      end = .failed(.unavailable(StoreError(.unavailable, "GET \(object.key): the body ended early")))
    }
    let window = storage?.finish(keep: keep)
    fetcher.ended(
      self, end, window: window, kept: keep ? arrived : 0, isDamaged: isDamaged, headed: end == .complete ? headed : nil
    )
  }

  private func refuse(_ error: StoreError) {
    refusal = error
    fetcher.cancel(self)
  }

  /// The store compares too; this is the second look. Without tags, seconds count: listings and headers differ below.
  private static func isSame(_ a: ObjectVersion, _ b: ObjectVersion) -> Bool {
    guard a.size == b.size else { return false }
    if let a = a.tag, let b = b.tag { return a == b }
    return a.modified == 0 || b.modified == 0 || a.modified / 1000 == b.modified / 1000
  }
}
