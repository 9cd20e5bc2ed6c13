package import Objects
package import Zarr

/// The indexes of shards that were read lately, parsed, and who waits for one. Pure.
///
/// Kept apart from the bytes of the shards, so that evicting chunks takes no index with it. Bounded by shards and bytes;
/// the longest unused goes first.
package struct ShardTable: Sendable {
  package enum Finding: Sendable {
    case index(ShardIndex)
    /// Read and not believed: the shard is plain ranges.
    case damaged
    case unknown
  }

  private struct Shard: Sendable {
    /// nil: damaged, or not read yet.
    var index: ShardIndex?
    var isDamaged = false
    /// Inner chunks to be fetched as soon as the index is there.
    var wanted: [Int] = []

    /// 36 bytes an inner chunk (`ShardIndex`), and what a shard takes without any.
    var bytes: Int { (index?.layout.total ?? 0) * 36 + 256 }
  }

  /// Inner chunks that may wait for one index.
  private static let mostWanted = 256

  private let capacity: Int
  package private(set) var bytes = 0
  private var shards: LeastRecentlyUsed<InodeNumber, Shard>

  /// 1,024 shards of 64 inner chunks are 2.6 MB; a few of the largest index (65,536 inner chunks, 2.4 MB) fit.
  package init(shards: Int = 1024, bytes: Int = 8 << 20) {
    capacity = bytes
    self.shards = LeastRecentlyUsed(capacity: shards)
  }

  package var count: Int { shards.count }

  package mutating func find(_ inode: InodeNumber) -> Finding {
    guard let shard = shards.use(inode) else { return .unknown }
    if let index = shard.index { return .index(index) }
    return shard.isDamaged ? .damaged : .unknown
  }

  /// The index was read; nil: it is damaged. The inner chunks that waited for it.
  package mutating func learn(_ index: ShardIndex?, of inode: InodeNumber) -> [Int] {
    var wanted: [Int] = []
    change(inode) { shard in
      shard.index = index
      shard.isDamaged = index == nil
      wanted = index == nil ? [] : shard.wanted
      shard.wanted = []
    }
    return wanted
  }

  /// Inner chunks are to be fetched: by the index, if it is known; else they wait for it.
  package mutating func want(_ indices: [Int], of inode: InodeNumber) -> Finding {
    let finding = find(inode)
    if case .unknown = finding {
      change(inode) { $0.wanted += indices.prefix(max(0, Self.mostWanted - $0.wanted.count)) }
    }
    return finding
  }

  /// The index will not come; what waited for it.
  package mutating func giveUp(_ inode: InodeNumber) -> [Int] {
    shards.update(inode) { shard in
      defer { shard.wanted = [] }
      return shard.wanted
    } ?? []
  }

  private mutating func change(_ inode: InodeNumber, _ body: (inout Shard) -> Void) {
    let old = shards.remove(inode)
    bytes -= old?.bytes ?? 0
    var shard = old ?? Shard()
    body(&shard)
    bytes += shard.bytes
    if let dropped = shards.insert(shard, for: inode) { bytes -= dropped.bytes }
    while bytes > capacity, shards.count > 1, let dropped = shards.removeOldest() { bytes -= dropped.bytes }
  }
}
