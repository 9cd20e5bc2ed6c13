import Glibc
import Objects

/// Bytes of an object in memory. Appended by one thread; others read only what they were told has arrived (the fetcher's
/// lock orders the two), so it needs no lock.
final class MemoryWindow: @unchecked Sendable {
  /// What there is room for.
  let range: ByteRange
  private let buffer: UnsafeMutableRawBufferPointer
  /// Used by the appending thread only.
  private var written = 0

  init(_ range: ByteRange) {
    self.range = range
    // Pages are taken as they are written.
    buffer = .allocate(byteCount: range.count, alignment: 16)
  }

  deinit { buffer.deallocate() }

  /// For the appending thread.
  var arrived: ByteRange { range.lowerBound..<range.lowerBound + Int64(written) }

  func append(_ bytes: UnsafeRawBufferPointer) {
    precondition(written + bytes.count <= buffer.count, "more bytes than asked for")
    UnsafeMutableRawBufferPointer(rebasing: buffer[written..<written + bytes.count]).copyMemory(from: bytes)
    written += bytes.count
  }

  /// Appends what `body` writes; nothing if it returns false.
  func append(count: Int, _ body: (UnsafeMutableRawBufferPointer) -> Bool) -> Bool {
    guard body(UnsafeMutableRawBufferPointer(rebasing: buffer[written..<written + count])) else { return false }
    written += count
    return true
  }

  /// Copies bytes that arrived.
  func read(_ wanted: ByteRange, into destination: UnsafeMutableRawBufferPointer) {
    let lower = Int(wanted.lowerBound - range.lowerBound)
    destination.copyMemory(from: UnsafeRawBufferPointer(rebasing: buffer[lower..<lower + wanted.count]))
  }
}
