import Objects
import Platform

/// Who goes first, and how much. Pure: rows in, decisions out.
///
/// A body has a rank, and inside a rank the longest unused goes first. Ranks, cheapest first: by class (prefetched and
/// never read, chunk, coordinate, metadata), and in a class what was used once before what was used again at another
/// time (a segmented LRU): one sweep over the bucket flushes only what was read once. What is used again may hold at
/// most `protectedShare` of the cache; its coldest then rank with the once-used.
enum EvictionPolicy {
  static let rankCount = 8
  /// Of the cache's size, in percent: down to here when room is needed (design.md section 6).
  static let lowWater: Int64 = 95
  /// Of the cache's size, in percent.
  static let protectedShare: Int64 = 80
  /// Of the cache's size, in percent: metadata documents and the indexes of trimmed shards. Where they hold more, bodies
  /// go whole, and the coldest indexes rank with the chunks.
  static let keptShare: Int64 = 25
  /// Down to here the coldest indexes then lose their rank, so that those of now are kept for a while.
  static let keptLowWater: Int64 = 22
  /// Uses closer together than this are one use: a reader that reads a body in pieces reads it once.
  static let sameUse = Interval.seconds(30)
  /// Bodies looked at in one step.
  static let batch = 64

  static func rank(_ storageClass: StorageClass, hits: Int) -> Int {
    storageClass.rawValue * 2 + (hits >= 2 ? 1 : 0)
  }

  /// The row after a use at `time`.
  static func used(_ row: BodyRow, at time: WallTime) -> BodyRow {
    var row = row
    if row.hits == 0 || time - row.lastUse >= sameUse { row.hits = min(row.hits + 1, 1000) }
    row.lastUse = max(row.lastUse, time)
    return row
  }

  /// Bytes to free so that `bytes` more fit in `limit` when `used` are taken: none if they fit, else down to the low
  /// water, so that eviction comes in batches.
  static func excess(used: Int64, adding bytes: Int64, limit: Int64) -> Int64 {
    guard used + bytes > limit else { return 0 }
    return used + bytes - limit / 100 * lowWater
  }

  struct Victim: Equatable {
    var row: BodyRow
    /// Only what is not kept goes.
    var isTrimmed: Bool
  }

  /// Whether a body may leave a part of itself: it has more than that, and the file is its own.
  static func canBeTrimmed(_ row: BodyRow) -> Bool {
    row.kept != nil && row.storageClass <= .chunk && row.group == 0 && row.allocated > row.keptBytes
  }

  /// The first of `candidates` (coldest first) whose bytes add up to `need`; those in use are passed over. `ranks`: the
  /// bytes held by rank.
  static func victims(
    of candidates: [BodyRow], need: Int64, ranks: [Int64], limit: Int64, inUse: (InodeNumber) -> Bool
  ) -> [Victim] {
    var victims: [Victim] = []
    var ranks = ranks
    var freed: Int64 = 0
    for candidate in candidates where freed < need && !inUse(candidate.inode) {
      let isTrimmed = canBeTrimmed(candidate) && keptExcess(ranks: ranks, limit: limit) == 0
      victims.append(Victim(row: candidate, isTrimmed: isTrimmed))
      freed += candidate.allocated
      guard isTrimmed else { continue }
      freed -= candidate.keptBytes
      ranks[rank(.metadata, hits: 0)] += candidate.keptBytes
    }
    return victims
  }

  /// Bytes of indexes that must rank with the chunks, given the bytes held by rank: 0 while they and the metadata have
  /// their share or less.
  static func keptExcess(ranks: [Int64], limit: Int64) -> Int64 {
    let held = ranks.dropFirst(rank(.metadata, hits: 0)).reduce(0, +)
    return held > limit / 100 * keptShare ? held - limit / 100 * keptLowWater : 0
  }

  /// The rank whose coldest must lose their protection, given the bytes held by rank.
  static func overProtected(ranks: [Int64], limit: Int64) -> Int? {
    ranks[3] > limit / 100 * protectedShare ? 3 : nil
  }
}
