package import Objects

/// The cache's unit. A block is present or not; a segment is the index's row for 64 blocks.
///
/// 32 KiB: an inner chunk of 242 KB (`readers.md` 1) then costs 13 % more bytes than it has, where 128 KiB would cost
/// 50 %; a CRC of 4 bytes a block is 0.01 %. 64 blocks are one word of presence bits.
package enum BlockGeometry {
  package static let blockSize: Int64 = 32 * 1024
  package static let blocksPerSegment: Int64 = 64
  package static let segmentSize: Int64 = blockSize * blocksPerSegment

  /// The whole blocks that cover a range of an object of this size.
  package static func covering(_ range: ByteRange, size: Int64) -> ByteRange {
    range.aligned(to: blockSize, limit: size)
  }
}
