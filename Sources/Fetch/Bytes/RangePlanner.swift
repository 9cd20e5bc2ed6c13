import Cache
package import ObjectStorage
package import Objects

/// Which ranges to GET for a READ. Pure: knows sizes, not states.
package struct RangePlanner: Sendable {
  /// A GET to make.
  package struct Part: Equatable, Sendable {
    package var range: ByteRange
    package var priority: TransferPriority

    package init(_ range: ByteRange, _ priority: TransferPriority) {
      self.range = range
      self.priority = priority
    }
  }

  /// Longest range of one GET.
  package var partSize: Int64
  /// Objects up to this size are fetched whole: a chunk is read whole (design.md section 6).
  package var wholeLimit: Int64
  /// The unit where the cache cannot hold the object, so that READs of 128 KiB do not become a GET each.
  package var windowSize: Int64

  package init(partSize: Int64, wholeLimit: Int64, windowSize: Int64) {
    self.partSize = partSize
    self.wholeLimit = wholeLimit
    self.windowSize = windowSize
  }

  /// What of the object to look at for missing bytes: block-aligned, and at least `range`.
  /// `isCached`: the cache has a body for it. `inParts`: no more than is asked for, however small the object.
  package func scope(
    of range: ByteRange, size: Int64, ahead: ByteRange?, isCached: Bool, inParts: Bool = false
  ) -> ByteRange {
    let all: ByteRange = 0..<size
    if !inParts, isCached ? size <= wholeLimit : size <= windowSize { return all }
    let unit = isCached ? BlockGeometry.blockSize : windowSize
    var scope = range.aligned(to: unit, limit: size)
    // A window that begins where the READ ends is asked for in the same GET.
    if let ahead, ahead.lowerBound <= scope.upperBound, ahead.upperBound > scope.upperBound {
      scope = scope.lowerBound..<ahead.aligned(to: unit, limit: size).upperBound
    }
    return scope
  }

  /// The missing ranges as GETs, neighbours merged, cut to part size; those that hold bytes of `demand` come first.
  /// The rest of an object that is fetched whole, or of what its reader is after (`isWanted`), is demand too; what is
  /// ahead of a reader is prefetch.
  package func parts(missing: [ByteRange], demand: ByteRange, size: Int64, isWanted: Bool = false) -> [Part] {
    var first: [Part] = []
    var rest: [Part] = []
    let priority: TransferPriority = size <= wholeLimit || isWanted ? .demand : .prefetch
    for range in ByteRangeSet(missing).ranges {
      var lower = range.lowerBound
      while lower < range.upperBound {
        let part = lower..<min(lower + partSize, range.upperBound)
        if part.overlaps(demand) { first.append(Part(part, .demand)) } else { rest.append(Part(part, priority)) }
        lower = part.upperBound
      }
    }
    return first + rest
  }
}
