package import Objects

/// Where the inner chunks of one shard are. 36 bytes of memory for each.
///
/// The index is hostile input: entries may point anywhere and overlap. An entry that reaches outside the shard is
/// `invalid` and answers no range; the readers who decode the shard will say what they think of it.
package struct ShardIndex: Sendable {
  package enum InnerChunk: Equatable, Sendable {
    case absent
    /// The entry points outside the shard.
    case invalid
    case bytes(ByteRange)
  }

  package let layout: ShardLayout
  /// Bytes of the whole shard.
  package let shardSize: Int64
  /// By number in the index. A negative offset: absent (-1) or invalid (-2).
  private let offsets: [Int64]
  private let lengths: [Int64]
  /// The present ones of non-zero length, by offset, then by number; and for each the furthest end of it and all before
  /// it, which makes the search for what covers an offset binary although entries may overlap.
  private let order: [Int32]
  private let furthestEnds: [Int64]
  /// Bytes of the longest inner chunk.
  package let longest: Int64
  /// Whether the entries are what a writer of shards makes: none outside the shard, and not more bytes than it has.
  /// Another index is not planned by: it could make a small read fetch everything, again and again.
  package let isPlausible: Bool

  /// nil if the bytes are not `layout.indexSize` long or the checksum is wrong.
  package init?(_ bytes: [UInt8], layout: ShardLayout, shardSize: Int64) {
    guard Int64(bytes.count) == layout.indexSize, shardSize >= layout.indexSize else { return nil }
    if layout.hasChecksum {
      let body = bytes.count - 4
      let stored = (0..<4).reduce(UInt32(0)) { $0 | UInt32(bytes[body + $1]) << (8 * $1) }
      guard CRC32C.checksum(bytes[..<body]) == stored else { return nil }
    }
    func word(_ index: Int) -> UInt64 {
      var value: UInt64 = 0
      for byte in bytes[(index * 8)..<(index * 8 + 8)] { value = value << 8 | UInt64(byte) }
      return layout.isBigEndian ? value : value.byteSwapped
    }
    var offsets = [Int64](repeating: -1, count: layout.total)
    var lengths = [Int64](repeating: 0, count: layout.total)
    var order = [Int32]()
    var longest: Int64 = 0
    var left = shardSize - layout.indexSize
    var isInside = true
    for index in 0..<layout.total {
      let offset = word(index * 2)
      let length = word(index * 2 + 1)
      if offset == .max, length == .max { continue }
      let (end, overflow) = offset.addingReportingOverflow(length)
      if overflow || end > UInt64(shardSize) {
        offsets[index] = -2
        isInside = false
        continue
      }
      offsets[index] = Int64(offset)
      lengths[index] = Int64(length)
      longest = max(longest, lengths[index])
      left -= min(lengths[index], max(left, 0) + 1)
      if length > 0 { order.append(Int32(index)) }
    }
    self.longest = longest
    isPlausible = isInside && left >= 0
    order.sort { (offsets[Int($0)], $0) < (offsets[Int($1)], $1) }
    var furthest: Int64 = 0
    self.furthestEnds = order.map { index in
      furthest = max(furthest, offsets[Int(index)] + lengths[Int(index)])
      return furthest
    }
    self.layout = layout
    self.shardSize = shardSize
    self.offsets = offsets
    self.lengths = lengths
    self.order = order
  }

  /// Where the inner chunk of this number is. Absent for a number that the shard does not have.
  package func innerChunk(_ index: Int) -> InnerChunk {
    guard offsets.indices.contains(index) else { return .absent }
    switch offsets[index] {
    case -1: return .absent
    case -2: return .invalid
    case let offset: return .bytes(offset..<(offset + lengths[index]))
    }
  }

  /// The bytes of the inner chunk at these coordinates within the shard; nil where it is absent or invalid.
  package func innerChunkRange(_ coordinates: ChunkCoordinates) -> ByteRange? {
    guard coordinates.rank == layout.counts.count else { return nil }
    var index: Int64 = 0
    for axis in 0..<coordinates.rank {
      guard coordinates[axis] >= 0, coordinates[axis] < layout.counts[axis] else { return nil }
      index = index * layout.counts[axis] + coordinates[axis]
    }
    if case .bytes(let range) = innerChunk(Int(index)) { return range }
    return nil
  }

  /// The numbers of the inner chunks that have bytes in `range`, by offset.
  package func innerChunks(in range: ByteRange) -> [Int] {
    guard !range.isEmpty else { return [] }
    // The first whose furthest end lies beyond the start; none before it reaches the range.
    var position = Self.partition(furthestEnds.count) { furthestEnds[$0] > range.lowerBound }
    var result = [Int]()
    while position < order.count {
      let index = Int(order[position])
      if offsets[index] >= range.upperBound { break }
      if offsets[index] + lengths[index] > range.lowerBound { result.append(index) }
      position += 1
    }
    return result
  }

  /// The numbers of the inner chunks stored after the one given, nearest first: what a reader of the file would meet.
  package func neighbours(after index: Int, count: Int) -> [Int] {
    guard case .bytes(let range) = innerChunk(index) else { return [] }
    let start = Self.partition(order.count) { offsets[Int(order[$0])] >= range.upperBound }
    return order[start..<min(order.count, start + max(count, 0))].map { Int($0) }
  }

  /// The inner chunk that a READ of `range` is after; nil where it is after the index, or bytes of none.
  ///
  /// The kernel reads whole pages, and some more, so a read of one inner chunk also touches the last bytes of the one
  /// before and the first of the one after: an inner chunk of which the READ holds `spill` bytes or fewer, and not all, is
  /// not meant. The first that is left is; what comes behind it is the kernel's read-ahead. Where none is left, the READ
  /// is of the inner chunk that it begins in, or that ended less than a page before: a reader's last buffer.
  package func innerChunk(readBy range: ByteRange, spill: Int64 = firstReadAhead) -> Int? {
    let wanted = range.clamped(to: 0..<shardSize)
    if let own = layout.indexRange(shardSize: shardSize), own.overlaps(wanted),
      Int64(wanted.count) <= layout.indexSize + Self.firstReadAhead
    {
      return nil
    }
    let touched = innerChunks(in: max(0, wanted.lowerBound - Self.page)..<wanted.upperBound)
    let meant = touched.first { index in
      let whole = offsets[index]..<(offsets[index] + lengths[index])
      let part = whole.clamped(to: wanted)
      return part == whole || Int64(part.count) > spill
    }
    return meant ?? touched.first
  }

  /// The inner chunk that a reader begins to read by this READ: in its first page, or behind what the kernel had read
  /// along with the inner chunk before. READs that go on, and the kernel's read-ahead, begin elsewhere.
  package func innerChunk(begunBy range: ByteRange) -> Int? {
    guard let index = innerChunk(readBy: range) else { return nil }
    let start = offsets[index] / Self.page * Self.page
    return (start...start + Self.firstReadAhead + Self.page).contains(range.lowerBound) ? index : nil
  }

  private static let page: Int64 = 4096
  /// What the kernel makes of a read of one page that goes on where another ended: four pages (Linux,
  /// `get_init_ra_size`). Python reads an inner chunk in such a way, whole buffers of 4 KiB first and then the last one,
  /// to its end; so it is with an index at the start of the file.
  package static let firstReadAhead: Int64 = 4 * page

  /// What to fetch so that a READ of `range` is answered and the inner chunk it is after is whole: sorted, disjoint,
  /// inside the shard, ranges closer than `gap` made one. An inner chunk longer than `limit` is left to the READs of it.
  package func ranges(
    toRead range: ByteRange, gap: Int64, spill: Int64 = firstReadAhead, limit: Int64 = .max
  ) -> [ByteRange] {
    let wanted = range.clamped(to: 0..<shardSize)
    guard !wanted.isEmpty else { return [] }
    guard let index = innerChunk(readBy: wanted, spill: spill), lengths[index] <= limit else { return [wanted] }
    return Self.merge([wanted, asRead(index)], gap: gap)
  }

  /// What readers of these inner chunks read: sorted, disjoint, ranges closer than `gap` made one. Of those absent,
  /// nothing.
  package func ranges(of indices: [Int], gap: Int64) -> [ByteRange] {
    let present = indices.filter { index in
      if case .bytes(let range) = innerChunk(index) { return !range.isEmpty }
      return false
    }
    return Self.merge(present.map { asRead($0) }, gap: gap)
  }

  /// The bytes of an inner chunk, and what the kernel reads along at its end: without, that would be a round trip of its
  /// own for the last bytes.
  private func asRead(_ index: Int) -> ByteRange {
    let upper = offsets[index] + lengths[index]
    let last = (upper + Self.page - 1) / Self.page * Self.page
    return offsets[index]..<max(upper, min(last + Self.firstReadAhead, shardSize))
  }

  /// Sorted and disjoint; ranges with fewer than `gap` bytes between them become one, and so do ranges that touch.
  package static func merge(_ ranges: [ByteRange], gap: Int64) -> [ByteRange] {
    var result = [ByteRange]()
    for range in ranges.sorted(by: { $0.lowerBound < $1.lowerBound }) where !range.isEmpty {
      if let last = result.last, range.lowerBound <= last.upperBound || range.lowerBound - last.upperBound < gap {
        result[result.count - 1] = last.lowerBound..<max(last.upperBound, range.upperBound)
      } else {
        result.append(range)
      }
    }
    return result
  }

  /// The first of `0..<count` for which `predicate` holds, which then holds for all after it.
  private static func partition(_ count: Int, _ predicate: (Int) -> Bool) -> Int {
    var low = 0
    var high = count
    while low < high {
      let middle = (low + high) / 2
      if predicate(middle) { high = middle } else { low = middle + 1 }
    }
    return low
  }
}
