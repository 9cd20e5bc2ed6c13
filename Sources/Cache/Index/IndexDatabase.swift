import CSQLite
import Objects
import Platform

/// The SQL of the index: one open database, its transaction and the totals kept beside it. Not thread safe; its owner
/// (`CacheIndex`) holds one lock around it, and decides what to do when a call throws.
///
/// A transaction is open whenever something was changed; `commit` ends it. Totals live in memory and are written with
/// every commit, so that they are always the sums of the committed rows.
final class IndexDatabase {
  struct Totals: Equatable {
    /// Bumped when the last stop was not clean: segments of older generations must be verified before use.
    var generation: Int64 = 1
    var cursor: Int64 = 0
    var absents: Int64 = 0
    /// Bytes reserved by fills at the time of the commit: what may lie on disk without a row after a crash.
    var reserved: Int64 = 0
    /// Allocated bytes of bodies, by rank (`EvictionPolicy.rank`); behind them their numbers, by rank.
    var ranks = [Int64](repeating: 0, count: 2 * EvictionPolicy.rankCount)

    var bodyBytes: Int64 { ranks[..<EvictionPolicy.rankCount].reduce(0, +) }
    var bodyCount: Int64 { ranks[EvictionPolicy.rankCount...].reduce(0, +) }

    mutating func add(_ bytes: Int64, count: Int64, rank: Int) {
      guard (0..<EvictionPolicy.rankCount).contains(rank) else { return }
      ranks[rank] += bytes
      ranks[EvictionPolicy.rankCount + rank] += count
    }
  }

  let connection: Connection
  let isInMemory: Bool
  var totals = Totals()
  var nextInode: UInt64 = 0
  /// Row changes since the last commit.
  private(set) var changes = 0
  private(set) var wasClean = true
  /// Whether it was made just now.
  private(set) var isNew = false
  let pageLimit: Int64

  /// Opens or makes the database at `path`. Throws when it is damaged, of another version, or of another source.
  init(path: String, source: String, boot: String, pageLimit: Int64) throws(SQLiteCode) {
    isInMemory = path == ":memory:"
    self.pageLimit = pageLimit
    let noFollow = isInMemory ? 0 : SQLITE_OPEN_NOFOLLOW
    connection = try Connection(path: path, flags: SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | noFollow)
    try connection.execute(IndexSchema.settings(pageLimit: min(pageLimit, 0xffff_fffe)))
    if try connection.number("SELECT count(*) FROM sqlite_master") == 0 {
      isNew = true
      try connection.execute("BEGIN IMMEDIATE")
      try connection.execute(IndexSchema.tables)
      do {
        let insert = try connection.statement(
          "INSERT INTO meta VALUES(1, ?, ?, 1, 0, ?, 0, 0, 0, 0, zeroblob(0))")
        insert.bind(1, IndexSchema.version)
        insert.bind(2, source)
        insert.bind(3, boot)
        try insert.run()
      }
      try connection.execute("COMMIT")
    }
    try load(source: source)
    try begin(boot: boot)
  }

  private func load(source: String) throws(SQLiteCode) {
    let query = try connection.statement(
      """
      SELECT version, source, generation, clean, boot, next_inode, cursor, absents, reserved, ranks FROM meta WHERE id = 1
      """)
    guard try query.step(), query.int64(0) == IndexSchema.version, query.text(1) == source else {
      throw SQLiteCode(SQLITE_NOTADB)
    }
    totals.generation = query.int64(2)
    wasClean = query.int64(3) != 0
    lastBoot = query.text(4) ?? ""
    nextInode = query.bits(5)
    totals.cursor = query.int64(6)
    totals.absents = query.int64(7)
    totals.reserved = query.int64(8)
    let ranks = query.blob(9)
    for rank in totals.ranks.indices where ranks.count == 8 * totals.ranks.count {
      totals.ranks[rank] = ranks.withUnsafeBytes { $0.loadUnaligned(fromByteOffset: rank * 8, as: Int64.self) }
    }
  }

  /// Allocated bytes of bodies, by rank.
  var bodyRanks: [Int64] { Array(totals.ranks[..<EvictionPolicy.rankCount]) }

  private var lastBoot = ""

  /// Another boot counts as an unclean stop: bodies are not synced, and a machine that lost power after our clean stop
  /// looks just like one that was shut down.
  private func begin(boot: String) throws(SQLiteCode) {
    if isNew {
      wasClean = true
    } else if !wasClean || lastBoot != boot {
      wasClean = false
      totals.generation += 1
    }
    try write()
    let update = try connection.statement("UPDATE meta SET clean = 0, boot = ? WHERE id = 1")
    update.bind(1, boot)
    try update.run()
    try commit()
  }

  /// Begins a transaction if none is open, and counts the changes to come.
  func write(_ count: Int = 1) throws(SQLiteCode) {
    if connection.isOutsideTransaction { try connection.execute("BEGIN IMMEDIATE") }
    changes += count
  }

  func commit(clean: Bool = false) throws(SQLiteCode) {
    if clean, connection.isOutsideTransaction { try connection.execute("BEGIN IMMEDIATE") }
    guard !connection.isOutsideTransaction else { return }
    do {
      let update = try connection.statement(
        """
        UPDATE meta SET generation = ?, next_inode = ?, cursor = ?, absents = ?, reserved = ?, ranks = ?, clean = ?
        WHERE id = 1
        """)
      update.bind(1, totals.generation)
      update.bind(2, bits: nextInode)
      update.bind(3, totals.cursor)
      update.bind(4, totals.absents)
      update.bind(5, totals.reserved)
      update.bind(6, totals.ranks.withUnsafeBytes { [UInt8]($0) })
      update.bind(7, clean ? 1 : 0)
      try update.run()
    }
    try connection.execute("COMMIT")
    changes = 0
  }

  /// After a failure: forgets the open transaction and reads the totals of the last commit again, but for numbers,
  /// which must never come twice. Bodies went on meanwhile (a file was cut, or made again): what the rows say of them is
  /// checked before use.
  func rollBack(source: String) throws(SQLiteCode) {
    if !connection.isOutsideTransaction { try connection.execute("ROLLBACK") }
    changes = 0
    let next = nextInode
    let cursor = totals.cursor
    let generation = totals.generation
    try load(source: source)
    totals.generation = max(generation, totals.generation) + 1
    nextInode = max(next, nextInode)
    totals.cursor = max(cursor, totals.cursor)
  }

  func nextCursor() -> Int64 {
    totals.cursor += 1
    return totals.cursor
  }

  /// Pages in use, as a part of the limit, in percent.
  func fullness() throws(SQLiteCode) -> Int64 {
    let used = try connection.number("PRAGMA page_count") - connection.number("PRAGMA freelist_count")
    return used * 100 / max(1, pageLimit)
  }
}
