import Objects

/// A part of a directory's names, as far as bodies are concerned.
struct BelowPage {
  var bodies: [BodyRow] = []
  var directories: [InodeNumber] = []
  /// Where the next part goes on; nil at the end.
  var last: [UInt8]?
}

extension CacheIndex {
  /// Looks at `limit` names of a directory after `name`: a bounded step under the lock.
  func below(_ directory: InodeNumber, after name: [UInt8], limit: Int) -> BelowPage {
    perform(BelowPage()) { _, database throws(SQLiteCode) in
      try database.below(directory, after: name, limit: limit)
    }
  }
}

extension IndexDatabase {
  fileprivate func below(
    _ directory: InodeNumber, after name: [UInt8], limit: Int
  ) throws(SQLiteCode) -> BelowPage {
    let query = try connection.statement(
      """
      SELECT e.inode, e.kind, e.name, b.inode FROM entry e LEFT JOIN body b ON b.inode = e.inode
      WHERE e.parent = ?1 AND e.name > ?2 ORDER BY e.name LIMIT ?3
      """)
    query.bind(1, bits: directory.rawValue)
    query.bind(2, name)
    query.bind(3, limit)
    var page = BelowPage()
    while try query.step() {
      let inode = InodeNumber(query.bits(0))
      if query.int64(1) == 2 { page.directories.append(inode) }
      if !query.isNull(3), let row = try body(of: inode) { page.bodies.append(row) }
      page.last = query.blob(2)
    }
    return page
  }
}
