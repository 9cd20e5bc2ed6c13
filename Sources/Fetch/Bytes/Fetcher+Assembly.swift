import Cache
import Objects

/// A READ's bytes, from the parts, windows and blocks that have them.
extension Fetcher {
  /// What of `range` is neither in the body nor in a window; whole blocks, where there is a body.
  func lacking(
    _ body: Body?, _ windows: [(range: ByteRange, content: MemoryWindow)], in range: ByteRange
  ) -> [ByteRange] {
    let missing = body?.missing(in: range) ?? [range]
    if windows.isEmpty || missing.isEmpty { return missing }
    let near = ByteRangeSet(windows.map(\.range))
    return missing.flatMap { near.gaps(in: $0) }
  }

  /// Gathers the range from parts, windows and the body. False: something is not there.
  func assemble(
    _ range: ByteRange, sources: [PartTransfer], _ windows: [(range: ByteRange, content: MemoryWindow)], _ body: Body?,
    into destination: UnsafeMutableRawBufferPointer
  ) -> Bool {
    func place(_ part: ByteRange) -> UnsafeMutableRawBufferPointer {
      let lower = Int(part.lowerBound - range.lowerBound)
      return UnsafeMutableRawBufferPointer(rebasing: destination[lower..<lower + part.count])
    }
    var left = ByteRangeSet([range])
    for source in sources {
      let part = source.range.clamped(to: range)
      if part.isEmpty { continue }
      guard let storage = source.storage, storage.read(part, into: place(part)) else {
        giveUp(source)
        return false
      }
      left.remove(part)
    }
    for window in windows {
      for gap in left.ranges {
        let part = window.range.clamped(to: gap)
        if part.isEmpty { continue }
        window.content.read(part, into: place(part))
        left.remove(part)
      }
    }
    for gap in left.ranges {
      guard let body, body.read(gap, into: place(gap)) else { return false }
    }
    return true
  }
}
