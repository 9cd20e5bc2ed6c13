import CFUSE

/// A worker's buffer for the bytes of a hit: one per thread, as large as the largest READ so far (at most 1 MiB).
enum Scratch {
  private final class Buffer {
    var bytes: UnsafeMutableRawBufferPointer

    init(count: Int) { bytes = .allocate(byteCount: count, alignment: 4096) }

    deinit { bytes.deallocate() }

    func grow(to count: Int) {
      bytes.deallocate()
      bytes = .allocate(byteCount: count, alignment: 4096)
    }
  }

  /// More than any READ of the kernel (max_pages 256).
  static let limit = 16 * 1024 * 1024

  /// nil: more than any kernel asks for.
  static func current(count: Int) -> UnsafeMutableRawBufferPointer? {
    guard count >= 0, count <= limit else { return nil }
    let buffer: Buffer
    if let pointer = cfuse_thread_pointer() {
      buffer = Unmanaged<Buffer>.fromOpaque(pointer).takeUnretainedValue()
      if buffer.bytes.count < count { buffer.grow(to: count) }
    } else {
      buffer = Buffer(count: max(count, 128 * 1024))
      cfuse_set_thread_pointer(Unmanaged.passRetained(buffer).toOpaque())
    }
    return UnsafeMutableRawBufferPointer(rebasing: buffer.bytes[..<count])
  }

  /// At the end of a worker.
  static func release() {
    guard let pointer = cfuse_thread_pointer() else { return }
    cfuse_set_thread_pointer(nil)
    Unmanaged<Buffer>.fromOpaque(pointer).release()
  }
}
