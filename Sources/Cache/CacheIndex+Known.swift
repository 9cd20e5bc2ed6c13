package import Objects

extension CacheIndex {
  /// What is known to exist in a directory, listed or only looked up, in the order of inode numbers: the listing of a
  /// remote that cannot list. `cursor` (0 begins) is the inode number.
  package func knownEntries(
    of directory: InodeNumber, after cursor: Int64, limit: Int
  ) -> [(cursor: Int64, name: EntryName, entry: Entry)] {
    perform([]) { _, database throws(SQLiteCode) in
      try database.knownEntries(of: directory, after: cursor, limit: limit)
    }
  }
}

extension IndexDatabase {
  func knownEntries(
    of directory: InodeNumber, after cursor: Int64, limit: Int
  ) throws(SQLiteCode) -> [(cursor: Int64, name: EntryName, entry: Entry)] {
    let query = try connection.statement(
      """
      SELECT inode, kind, etag, size, modified, validated, name FROM entry
      WHERE parent = ?1 AND inode > ?2 AND kind != 0 ORDER BY inode LIMIT ?3
      """)
    query.bind(1, bits: directory.rawValue)
    query.bind(2, cursor)
    query.bind(3, limit)
    var rows: [(cursor: Int64, name: EntryName, entry: Entry)] = []
    while try query.step() {
      let entry = Self.entry(query)
      rows.append((Int64(bitPattern: entry.inode.rawValue), EntryName(bytes: query.blob(6)), entry))
    }
    return rows
  }
}
