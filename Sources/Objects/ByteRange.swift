/// A half-open range of byte offsets.
package typealias ByteRange = Range<Int64>

extension Range where Bound == Int64 {
  /// The smallest range of whole `unit`s that covers this one, clipped to `0..<limit`.
  package func aligned(to unit: Int64, limit: Int64) -> ByteRange {
    let lower = lowerBound / unit * unit
    let upper = Swift.min((upperBound + unit - 1) / unit * unit, limit)
    return lower..<Swift.max(lower, upper)
  }
}
