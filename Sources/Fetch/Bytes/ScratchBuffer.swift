/// Memory that a thread of the store answers from; used by one at a time.
final class ScratchBuffer: @unchecked Sendable {
  static let usualSize = 1 << 20

  let bytes: UnsafeMutableRawBufferPointer

  init(count: Int) { bytes = .allocate(byteCount: max(count, Self.usualSize), alignment: 4096) }

  deinit { bytes.deallocate() }
}
