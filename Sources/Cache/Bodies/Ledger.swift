/// Where the bytes of the cache are, and whether more fit. Pure; all in allocated bytes.
struct Ledger: Equatable {
  let limit: Int64
  /// Growth of the index between two looks at its files.
  let indexSlack: Int64
  /// Reservations between two commits: what may lie on disk without a row after a crash.
  let allowance: Int64

  /// By the rows of the index.
  var bodies: Int64 = 0
  /// Evicted, and still there because someone reads.
  var doomed: Int64 = 0
  /// For fills on their way; what they have written is counted here, not in `bodies`.
  var reserved: Int64 = 0
  var index: Int64 = 0
  /// Folders, the lock and the like.
  var fixed: Int64 = 0
  /// May lie on disk without a row, until the sweep has been everywhere.
  var uncertain: Int64 = 0
  private var reservedSinceCommit: Int64 = 0

  init(limit: Int64) {
    self.limit = limit
    indexSlack = limit < 256 << 20 ? 2 << 20 : 8 << 20
    allowance = min(limit / 16, 64 << 20)
  }

  /// What is known to be allocated.
  var allocated: Int64 { bodies + doomed + index + fixed }
  /// What may be.
  var used: Int64 { allocated + reserved + uncertain + indexSlack }

  /// Bytes to evict before `bytes` fit; 0: they fit, and are reserved.
  mutating func reserve(_ bytes: Int64) -> Int64 {
    let excess = EvictionPolicy.excess(used: used, adding: bytes, limit: limit)
    guard excess == 0 else { return excess }
    reserved += bytes
    reservedSinceCommit += bytes
    return 0
  }

  /// Whether eviction can ever make room for it, and leave something for others. A part of 8 MiB fits the smallest
  /// cache.
  func canHold(_ bytes: Int64) -> Bool { bytes <= (limit - index - fixed - indexSlack) / 4 * 3 }

  /// May lie on disk without a row after a crash now: to be written with a commit.
  var unsettled: Int64 { reserved + uncertain }

  mutating func release(_ bytes: Int64) { reserved -= bytes }

  /// Whether a commit is due before more is written; it is then taken for done.
  mutating func commitIsDue() -> Bool {
    guard reservedSinceCommit > allowance else { return false }
    reservedSinceCommit = 0
    return true
  }

  /// Bytes over the limit: the index grew.
  var excess: Int64 { EvictionPolicy.excess(used: used, adding: 0, limit: limit) }
}
