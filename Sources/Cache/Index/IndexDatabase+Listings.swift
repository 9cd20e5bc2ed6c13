import Objects
import Platform

extension IndexDatabase {
  struct StoredListing {
    var base: Int64 = 0
    var last: Int64 = 0
    var completed = WallTime(milliseconds: 0)
    var oldBase: Int64 = 0
    var oldLast: Int64 = 0
  }

  func listing(of directory: InodeNumber) throws(SQLiteCode) -> StoredListing? {
    let query = try connection.statement(
      "SELECT base, last, completed, old_base, old_last FROM listing WHERE directory = ?")
    query.bind(1, bits: directory.rawValue)
    guard try query.step() else { return nil }
    return StoredListing(
      base: query.int64(0), last: query.int64(1), completed: WallTime(milliseconds: query.int64(2)),
      oldBase: query.int64(3), oldLast: query.int64(4))
  }

  /// The one before stays known, for those who are still reading it.
  func setListing(_ id: ListingID, completed: WallTime) throws(SQLiteCode) {
    try write()
    let insert = try connection.statement(
      """
      INSERT INTO listing VALUES(?1, ?2, ?3, ?4, 0, 0) ON CONFLICT(directory) DO UPDATE SET
      old_base = base, old_last = last, base = ?2, last = ?3, completed = ?4
      """)
    insert.bind(1, bits: id.directory.rawValue)
    insert.bind(2, id.base)
    insert.bind(3, totals.cursor)
    insert.bind(4, completed.milliseconds)
    try insert.run()
  }

  /// Removes some of the names that a finished listing did not show and nobody saw since `start`; false when done.
  func removeUnlisted(_ id: ListingID, start: WallTime, limit: Int) throws(SQLiteCode) -> Bool {
    let query = try connection.statement(
      """
      SELECT inode, kind, etag, size, modified, validated FROM entry
      WHERE parent = ? AND listed < ? AND validated < ? LIMIT ?
      """)
    query.bind(1, bits: id.directory.rawValue)
    query.bind(2, id.base)
    query.bind(3, start.milliseconds)
    query.bind(4, limit)
    return try removeRows(query) == limit
  }

  /// Entries with cursors in `after+1...last`, in their order, present ones only. An entry that a newer listing has
  /// moved on is found by its previous cursor.
  func entries(
    in directory: InodeNumber, after: Int64, last: Int64, limit: Int
  ) throws(SQLiteCode) -> [(cursor: Int64, name: EntryName, entry: Entry)] {
    let query = try connection.statement(
      """
      SELECT inode, kind, etag, size, modified, validated, name, listed AS place FROM entry
      WHERE parent = ?1 AND listed > ?2 AND listed <= ?3 AND kind != 0
      UNION ALL
      SELECT inode, kind, etag, size, modified, validated, name, previous AS place FROM entry
      WHERE parent = ?1 AND previous > ?2 AND previous <= ?3 AND previous > 0 AND kind != 0
      ORDER BY place LIMIT ?4
      """)
    query.bind(1, bits: directory.rawValue)
    query.bind(2, after)
    query.bind(3, last)
    query.bind(4, limit)
    var rows: [(cursor: Int64, name: EntryName, entry: Entry)] = []
    while try query.step() {
      rows.append((query.int64(7), EntryName(bytes: query.blob(6)), Self.entry(query)))
    }
    return rows
  }
}
