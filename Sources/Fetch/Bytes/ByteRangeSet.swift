package import Objects

/// A set of byte offsets as sorted ranges that neither overlap nor touch.
package struct ByteRangeSet: Equatable, Sendable {
  package private(set) var ranges: [ByteRange] = []

  package init() {}

  package init(_ ranges: [ByteRange]) {
    for range in ranges { insert(range) }
  }

  package var isEmpty: Bool { ranges.isEmpty }
  /// Bytes.
  package var count: Int64 { ranges.reduce(0) { $0 + Int64($1.count) } }

  package mutating func insert(_ range: ByteRange) {
    guard !range.isEmpty else { return }
    let first = ranges.firstIndex { $0.upperBound >= range.lowerBound } ?? ranges.endIndex
    let last = ranges[first...].firstIndex { $0.lowerBound > range.upperBound } ?? ranges.endIndex
    var merged = range
    if first < last {
      merged =
        min(range.lowerBound, ranges[first].lowerBound)..<max(range.upperBound, ranges[last - 1].upperBound)
    }
    ranges.replaceSubrange(first..<last, with: CollectionOfOne(merged))
  }

  /// Takes a range out; how many bytes of it were in.
  @discardableResult
  package mutating func remove(_ range: ByteRange) -> Int64 {
    var removed: Int64 = 0
    var kept: [ByteRange] = []
    kept.reserveCapacity(ranges.count + 1)
    for each in ranges {
      let common = each.clamped(to: range)
      if common.isEmpty {
        kept.append(each)
        continue
      }
      removed += Int64(common.count)
      if each.lowerBound < common.lowerBound { kept.append(each.lowerBound..<common.lowerBound) }
      if common.upperBound < each.upperBound { kept.append(common.upperBound..<each.upperBound) }
    }
    ranges = kept
    return removed
  }

  /// What of `range` is not in.
  package func gaps(in range: ByteRange) -> [ByteRange] {
    var gaps: [ByteRange] = []
    var next = range.lowerBound
    for each in ranges {
      let common = each.clamped(to: range)
      if common.isEmpty { continue }
      if next < common.lowerBound { gaps.append(next..<common.lowerBound) }
      next = common.upperBound
    }
    if next < range.upperBound { gaps.append(next..<range.upperBound) }
    return gaps
  }

  package func contains(_ range: ByteRange) -> Bool { gaps(in: range).isEmpty }
}
