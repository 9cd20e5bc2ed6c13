import Cache
import Objects

/// A READ that waits: who shall be told, and where its bytes will be. Held by the table's waiter only; gone with the answer.
final class ParkedRead: PendingRead, @unchecked Sendable {
  // Written once.
  let id: WaiterID
  let object: ObjectReference
  let range: ByteRange
  let answer: @Sendable (Result<UnsafeRawBufferPointer, FetchFailure>) -> Void
  private let fetcher: Fetcher

  // Used by the one thread that resolves it, and published by the fetcher's lock.
  /// What to fetch behind the range, in the same GET.
  var ahead: ByteRange?
  var sources: [PartTransfer] = []
  var body: Body?
  /// Looks that found less than was promised: damaged blocks, evicted windows.
  var attempts = 0
  var hasWaited = false

  // Guarded by the fetcher's lock.
  var isInterrupted = false
  /// Waits for the head of a GET on lookup of its object.
  var awaitsOpen = false
  /// It did so once; what the GET did not bring is then its own to fetch.
  var hasAwaitedOpen = false

  init(
    id: WaiterID, _ object: ObjectReference, _ range: ByteRange, fetcher: Fetcher,
    answer: @escaping @Sendable (Result<UnsafeRawBufferPointer, FetchFailure>) -> Void
  ) {
    self.id = id
    self.object = object
    self.range = range
    self.fetcher = fetcher
    self.answer = answer
  }

  func interrupt() { fetcher.interrupt(self) }
}
