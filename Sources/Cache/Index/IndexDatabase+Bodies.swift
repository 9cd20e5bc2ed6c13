import Objects
import Platform

/// What the index knows of a body file.
struct BodyRow: Equatable {
  var inode: InodeNumber
  var storageClass: StorageClass
  var size: Int64
  var allocated: Int64
  var lastUse: WallTime
  var hits: Int
  /// The MD5 that the object's tag tells, if it tells one.
  var digest: [UInt8]?
  var proof = Proof.none
  /// Bodies of one group are one file, by hard links: its number, 0 for a body alone.
  var group: UInt64 = 0
  /// Whether the file counts in this row; of a group, in one. The others have nothing `allocated`.
  var carries = true
  /// Whole blocks that may stay when the rest is evicted: a shard's index.
  var kept: ByteRange?

  /// Whether the whole body was seen to have the digest.
  enum Proof: Int { case none = 0, holds, fails }

  var rank: Int { EvictionPolicy.rank(storageClass, hits: hits) }
  /// Only what it keeps is left of it. Metadata documents keep nothing apart.
  var isTrimmed: Bool { storageClass == .metadata && kept != nil }
  /// What the kept blocks take of the disk.
  var keptBytes: Int64 { kept.map { (Int64($0.count) + 4095) / 4096 * 4096 } ?? 0 }
}

/// 64 blocks of a body.
struct SegmentRow: Equatable {
  var present: UInt64
  /// Written before an unclean stop: to be checked against the checksums before use.
  var isSuspect: Bool
  /// CRC-32 of each block; of absent ones without meaning.
  var checksums: [UInt32]
}

extension IndexDatabase {
  func body(of inode: InodeNumber) throws(SQLiteCode) -> BodyRow? {
    let query = try connection.statement(
      "SELECT * FROM body WHERE inode = ?"
    )
    query.bind(1, bits: inode.rawValue)
    return try query.step() ? Self.body(query) : nil
  }

  /// A whole row, in the order of the table, as `setBody` writes it. The rank (2) follows from the rest, as a rule.
  static func body(_ row: borrowing Statement) -> BodyRow {
    BodyRow(
      inode: InodeNumber(row.bits(0)), storageClass: StorageClass(rawValue: row.int(1)) ?? .chunk, size: row.int64(3),
      allocated: row.int64(4), lastUse: WallTime(milliseconds: row.int64(5)), hits: row.int(6),
      digest: row.isNull(7) ? nil : row.blob(7), proof: BodyRow.Proof(rawValue: row.int(8)) ?? .none,
      group: row.bits(9), carries: row.int(10) != 0,
      kept: row.int64(12) > row.int64(11) ? row.int64(11)..<row.int64(12) : nil)
  }

  /// Writes a body's row, its old one replaced. The totals follow.
  func setBody(_ row: BodyRow) throws(SQLiteCode) {
    try write()
    try takeFromTotals(row.inode)
    let insert = try connection.statement("INSERT OR REPLACE INTO body VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)")
    insert.bind(1, bits: row.inode.rawValue)
    insert.bind(2, row.storageClass.rawValue)
    insert.bind(3, row.rank)
    insert.bind(4, row.size)
    insert.bind(5, row.allocated)
    insert.bind(6, row.lastUse.milliseconds)
    insert.bind(7, row.hits)
    if let digest = row.digest { insert.bind(8, digest) } else { insert.bindNull(8) }
    insert.bind(9, row.proof.rawValue)
    insert.bind(10, bits: row.group)
    insert.bind(11, row.carries ? 1 : 0)
    insert.bind(12, row.kept?.lowerBound ?? 0)
    insert.bind(13, row.kept?.upperBound ?? 0)
    try insert.run()
    totals.add(row.allocated, count: 1, rank: row.rank)
  }

  func setRank(_ rank: Int, of inode: InodeNumber) throws(SQLiteCode) {
    guard let row = try body(of: inode) else { return }
    try write()
    try takeFromTotals(inode)
    let update = try connection.statement("UPDATE body SET rank = ?2 WHERE inode = ?1")
    update.bind(1, bits: inode.rawValue)
    update.bind(2, rank)
    try update.run()
    totals.add(row.allocated, count: 1, rank: rank)
  }

  /// By the stored rank, which need not be the policy's.
  private func takeFromTotals(_ inode: InodeNumber) throws(SQLiteCode) {
    let query = try connection.statement("SELECT rank, allocated FROM body WHERE inode = ?")
    query.bind(1, bits: inode.rawValue)
    guard try query.step() else { return }
    totals.add(-query.int64(1), count: -1, rank: query.int(0))
  }

  /// The totals, from the rows: takes longer the more bodies there are, so not at a mount after a clean stop.
  func countBodies() throws(SQLiteCode) {
    let query = try connection.statement("SELECT rank, sum(allocated), count(*) FROM body GROUP BY rank")
    var counted = Totals()
    while try query.step() { counted.add(query.int64(1), count: query.int64(2), rank: query.int(0)) }
    guard counted.ranks != totals.ranks else { return }
    try write()
    totals.ranks = counted.ranks
  }

  func removeBody(_ inode: InodeNumber) throws(SQLiteCode) {
    try write(2)
    try takeFromTotals(inode)
    try run("DELETE FROM segment WHERE inode = ?", inode)
    try run("DELETE FROM body WHERE inode = ?", inode)
  }

  func removeSegments(of inode: InodeNumber) throws(SQLiteCode) {
    try write()
    try run("DELETE FROM segment WHERE inode = ?", inode)
  }

  func segment(_ number: Int64, of inode: InodeNumber) throws(SQLiteCode) -> SegmentRow? {
    let query = try connection.statement(
      "SELECT present, generation, checksums FROM segment WHERE inode = ? AND number = ?")
    query.bind(1, bits: inode.rawValue)
    query.bind(2, number)
    guard try query.step() else { return nil }
    return Self.segment(query, 0, generation: totals.generation)
  }

  private static func segment(_ row: borrowing Statement, _ first: CInt, generation: Int64) -> SegmentRow {
    let bytes = row.blob(first + 2)
    let whole = bytes.count == 4 * Int(BlockGeometry.blocksPerSegment)
    let checksums = bytes.withUnsafeBytes { raw in
      (0..<Int(BlockGeometry.blocksPerSegment)).map {
        whole ? raw.loadUnaligned(fromByteOffset: $0 * 4, as: UInt32.self) : 0
      }
    }
    return SegmentRow(
      present: whole ? row.bits(first) : 0, isSuspect: row.int64(first + 1) != generation, checksums: checksums)
  }

  /// The numbers of a body's segments that hold something, in order, after `after`.
  func segments(of inode: InodeNumber, after: Int64, limit: Int) throws(SQLiteCode) -> [(Int64, SegmentRow)] {
    let query = try connection.statement(
      """
      SELECT present, generation, checksums, number FROM segment WHERE inode = ? AND number > ? ORDER BY number LIMIT ?
      """)
    query.bind(1, bits: inode.rawValue)
    query.bind(2, after)
    query.bind(3, limit)
    var rows: [(Int64, SegmentRow)] = []
    while try query.step() { rows.append((query.int64(3), Self.segment(query, 0, generation: totals.generation))) }
    return rows
  }

  func setSegment(_ number: Int64, of inode: InodeNumber, _ row: SegmentRow) throws(SQLiteCode) {
    try write()
    let insert = try connection.statement("INSERT OR REPLACE INTO segment VALUES(?, ?, ?, ?, ?)")
    insert.bind(1, bits: inode.rawValue)
    insert.bind(2, number)
    insert.bind(3, bits: row.present)
    insert.bind(4, row.isSuspect ? 0 : totals.generation)
    insert.bind(5, row.checksums.withUnsafeBytes { [UInt8]($0) })
    try insert.run()
  }

  /// The coldest bodies, as the policy ranks them.
  func coldest(skipping: Int, limit: Int) throws(SQLiteCode) -> [BodyRow] {
    let query = try connection.statement(
      """
      SELECT * FROM body ORDER BY rank, last_use LIMIT ? OFFSET ?
      """)
    query.bind(1, limit)
    query.bind(2, skipping)
    var rows: [BodyRow] = []
    while try query.step() { rows.append(Self.body(query)) }
    return rows
  }

  /// Bodies of one rank, coldest first, last used before `limit`.
  func unused(rank: Int, before time: WallTime, limit: Int) throws(SQLiteCode) -> [BodyRow] {
    let query = try connection.statement(
      """
      SELECT * FROM body
      WHERE rank = ? AND last_use < ? ORDER BY last_use LIMIT ?
      """)
    query.bind(1, rank)
    query.bind(2, time.milliseconds)
    query.bind(3, limit)
    var rows: [BodyRow] = []
    while try query.step() { rows.append(Self.body(query)) }
    return rows
  }

  /// Bodies by number, for sweeps.
  func bodies(after inode: InodeNumber, limit: Int) throws(SQLiteCode) -> [BodyRow] {
    let query = try connection.statement(
      "SELECT * FROM body WHERE inode > ? ORDER BY inode LIMIT ?"
    )
    query.bind(1, bits: inode.rawValue)
    query.bind(2, limit)
    var rows: [BodyRow] = []
    while try query.step() { rows.append(Self.body(query)) }
    return rows
  }
}
