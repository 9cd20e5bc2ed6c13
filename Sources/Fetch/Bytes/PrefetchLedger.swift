package import Objects

/// Which prefetched bytes nobody has read yet: tells use from waste. Bounded by inodes; the oldest are called waste.
package struct PrefetchLedger: Sendable {
  private var unread: LeastRecentlyUsed<InodeNumber, ByteRangeSet>
  package private(set) var used: Int64 = 0
  package private(set) var wasted: Int64 = 0

  package init(capacity: Int = 4096) { unread = LeastRecentlyUsed(capacity: capacity) }

  package var isEmpty: Bool { unread.isEmpty }

  /// These bytes came without a reader.
  package mutating func fetched(_ range: ByteRange, of inode: InodeNumber) {
    if unread.update(inode, { $0.insert(range) }) == nil,
      let dropped = unread.insert(ByteRangeSet([range]), for: inode)
    {
      wasted += dropped.count
    }
  }

  /// A READ of them. Whether bytes of it had been prefetched.
  package mutating func read(_ range: ByteRange, of inode: InodeNumber) -> Bool {
    guard !unread.isEmpty else { return false }
    let result = unread.update(inode) { set in (set.remove(range), set.isEmpty) }
    guard let (count, isEmpty) = result, count > 0 else { return false }
    used += count
    if isEmpty { unread.remove(inode) }
    return true
  }
}
