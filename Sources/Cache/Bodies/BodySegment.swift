import Objects

/// Presence of 64 blocks, as a body holds it in memory.
struct BodySegment {
  var present: UInt64 = 0
  /// Present, but to be checked first.
  var suspect: UInt64 = 0
  /// Of suspect blocks.
  var checksums: [UInt32] = []

  init() {}

  init(_ row: SegmentRow) {
    present = row.present
    guard row.isSuspect else { return }
    suspect = row.present
    checksums = row.checksums
  }

  /// The segments that a range touches.
  static func numbers(_ range: ByteRange) -> ClosedRange<Int64> {
    range.lowerBound / BlockGeometry.segmentSize...(range.upperBound - 1) / BlockGeometry.segmentSize
  }

  /// The bits, in segment `number`, of the blocks that a range touches.
  static func mask(_ range: ByteRange, in number: Int64) -> UInt64 {
    let first = number * BlockGeometry.blocksPerSegment
    let lower = max(range.lowerBound / BlockGeometry.blockSize - first, 0)
    let upper = min((range.upperBound - 1) / BlockGeometry.blockSize - first, BlockGeometry.blocksPerSegment - 1)
    guard lower <= upper else { return 0 }
    return (UInt64.max << UInt64(lower)) & (UInt64.max >> UInt64(63 - upper))
  }

  /// The bytes of one block.
  static func range(ofBlock index: Int, in number: Int64, size: Int64) -> ByteRange {
    let start = (number * BlockGeometry.blocksPerSegment + Int64(index)) * BlockGeometry.blockSize
    return start..<min(start + BlockGeometry.blockSize, size)
  }

  /// Bytes of the blocks in `bits`.
  static func bytes(_ bits: UInt64, in number: Int64, size: Int64) -> Int64 {
    var total: Int64 = 0
    var bits = bits
    while bits != 0 {
      total += Int64(range(ofBlock: bits.trailingZeroBitCount, in: number, size: size).count)
      bits &= bits - 1
    }
    return total
  }
}
