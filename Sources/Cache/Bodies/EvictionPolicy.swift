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

  /// The first of `candidates` (coldest first) whose bytes add up to `need`; those in use are passed over.
  static func victims(of candidates: [BodyRow], need: Int64, inUse: (InodeNumber) -> Bool) -> [BodyRow] {
    var victims: [BodyRow] = []
    var freed: Int64 = 0
    for candidate in candidates where freed < need && !inUse(candidate.inode) {
      victims.append(candidate)
      freed += candidate.allocated
    }
    return victims
  }

  /// The rank whose coldest must lose their protection, given the bytes held by rank.
  static func overProtected(ranks: [Int64], limit: Int64) -> Int? {
    ranks[3] > limit / 100 * protectedShare ? 3 : nil
  }
}
