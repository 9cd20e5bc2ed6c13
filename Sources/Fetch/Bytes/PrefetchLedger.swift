package import Objects

/// Which prefetched bytes nobody has read yet: tells use from waste. Bounded by inodes; the oldest are called waste.
package struct PrefetchLedger: Sendable {
  private struct Unread: Sendable {
    var key: ObjectKey
    var ranges: ByteRangeSet
  }

  private var unread: LeastRecentlyUsed<InodeNumber, Unread>
  package private(set) var used: Int64 = 0
  package private(set) var wasted: Int64 = 0

  package init(capacity: Int = 4096) { unread = LeastRecentlyUsed(capacity: capacity) }

  package var isEmpty: Bool { unread.isEmpty }

  /// These bytes came without a reader.
  package mutating func fetched(_ range: ByteRange, of inode: InodeNumber, key: ObjectKey) {
    if unread.update(inode, { $0.ranges.insert(range) }) == nil,
      let dropped = unread.insert(Unread(key: key, ranges: ByteRangeSet([range])), for: inode)
    {
      wasted += dropped.ranges.count
    }
  }

  /// A READ of them. Whether bytes of it had been prefetched.
  package mutating func read(_ range: ByteRange, of inode: InodeNumber) -> Bool {
    guard !unread.isEmpty else { return false }
    let result = unread.update(inode) { unread in (unread.ranges.remove(range), unread.ranges.isEmpty) }
    guard let (count, isEmpty) = result, count > 0 else { return false }
    used += count
    if isEmpty { unread.remove(inode) }
    return true
  }

  /// A reader waits for what was being fetched ahead, and so much of it had come.
  package mutating func overtaken(_ bytes: Int64) { used += bytes }

  /// The object's bytes left the cache; those that nobody read, if any.
  package mutating func evicted(_ inode: InodeNumber) -> (key: ObjectKey, ranges: ByteRangeSet)? {
    guard let dropped = unread.remove(inode) else { return nil }
    wasted += dropped.ranges.count
    return (dropped.key, dropped.ranges)
  }
}
