import Objects
import Platform

extension IndexDatabase {
  private enum KindCode {
    static let absent: Int64 = 0
    static let file: Int64 = 1
    static let directory: Int64 = 2
  }

  /// Columns: inode, kind, etag, size, modified, validated, from `first` on.
  static func entry(_ row: borrowing Statement, _ first: CInt = 0) -> Entry {
    let kind: Entry.Kind
    switch row.int64(first + 1) {
    case KindCode.absent: kind = .absent
    case KindCode.directory: kind = .directory
    default:
      kind = .file(
        ObjectVersion(
          tag: row.text(first + 2).map { EntityTag($0) }, size: row.int64(first + 3), modified: row.int64(first + 4)))
    }
    return Entry(inode: InodeNumber(row.bits(first)), kind: kind, validated: row.int64(first + 5))
  }

  func entry(_ name: EntryName, in directory: InodeNumber) throws(SQLiteCode) -> Entry? {
    let query = try connection.statement(
      "SELECT inode, kind, etag, size, modified, validated FROM entry WHERE parent = ? AND name = ?")
    query.bind(1, bits: directory.rawValue)
    query.bind(2, name.bytes)
    return try query.step() ? Self.entry(query) : nil
  }

  func location(
    of inode: InodeNumber
  ) throws(SQLiteCode) -> (directory: InodeNumber, name: EntryName, entry: Entry)? {
    let query = try connection.statement(
      "SELECT inode, kind, etag, size, modified, validated, parent, name FROM entry WHERE inode = ? AND kind != 0")
    query.bind(1, bits: inode.rawValue)
    guard try query.step() else { return nil }
    return (InodeNumber(query.bits(6)), EntryName(bytes: query.blob(7)), Self.entry(query))
  }

  /// `listed`: the cursor to give it, nil where no listing shows it; `complete`: the last cursor of the directory's
  /// complete listing, whose readers go on finding the entry by it. `now`: when the answer is in.
  func record(
    _ kind: Entry.Kind, for name: EntryName, in directory: InodeNumber, at time: WallTime, listed: Int64? = nil,
    complete: Int64 = 0, now: WallTime, number: () -> UInt64
  ) throws(SQLiteCode) -> Entry {
    try write()
    var known: (entry: Entry, listed: Int64, previous: Int64)?
    do {
      let query = try connection.statement(
        """
        SELECT inode, kind, etag, size, modified, validated, listed, previous FROM entry WHERE parent = ? AND name = ?
        """)
      query.bind(1, bits: directory.rawValue)
      query.bind(2, name.bytes)
      if try query.step() { known = (Self.entry(query), query.int64(6), query.int64(7)) }
    }
    var cursor = known?.listed ?? 0
    var previous = known?.previous ?? 0
    if let listed {
      if cursor > 0, cursor <= complete { previous = cursor }
      cursor = listed
    }
    if let known, known.entry.kind == kind {
      let update = try connection.statement(
        """
        UPDATE entry SET etag = ?2, modified = ?3, validated = ?4, listed = ?5, previous = ?6 WHERE inode = ?1
        """)
      update.bind(1, bits: known.entry.inode.rawValue)
      update.bind(2, kind.tagText)
      update.bind(3, kind.modified)
      update.bind(4, time.milliseconds)
      update.bind(5, cursor)
      update.bind(6, previous)
      try update.run()
      return Entry(inode: known.entry.inode, kind: kind, validated: time.milliseconds)
    }
    if let known { try remove(known.entry) }
    let inode = number()
    let insert = try connection.statement("INSERT INTO entry VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)")
    insert.bind(1, bits: inode)
    insert.bind(2, bits: directory.rawValue)
    insert.bind(3, name.bytes)
    switch kind {
    case .absent: insert.bind(4, KindCode.absent)
    case .file: insert.bind(4, KindCode.file)
    case .directory: insert.bind(4, KindCode.directory)
    }
    insert.bind(5, kind.tagText)
    insert.bind(6, kind.size)
    insert.bind(7, kind.modified)
    insert.bind(8, time.milliseconds)
    insert.bind(9, cursor)
    insert.bind(10, previous)
    insert.bind(11, Self.since(asked: time, answered: now).milliseconds)
    try insert.run()
    if kind == .absent { totals.absents += 1 }
    return Entry(inode: InodeNumber(inode), kind: kind, validated: time.milliseconds)
  }

  /// Removes an entry's row and what hangs on it: its document, its listing, and (later, in steps) what was below it.
  /// Its body becomes the first to be evicted.
  func remove(_ entry: Entry) throws(SQLiteCode) {
    try write()
    let inode = entry.inode
    try run("DELETE FROM entry WHERE inode = ?", inode)
    switch entry.kind {
    case .absent: totals.absents -= 1
    case .file:
      try run("DELETE FROM document WHERE inode = ?", inode)
      try setRank(0, of: inode)
    case .directory:
      try run("DELETE FROM listing WHERE directory = ?", inode)
      try run("INSERT OR IGNORE INTO gone VALUES(?)", inode)
    }
  }

  func run(_ sql: StaticString, _ inode: InodeNumber) throws(SQLiteCode) {
    let statement = try connection.statement(sql)
    statement.bind(1, bits: inode.rawValue)
    try statement.run()
  }

  /// Removes the rows of a query (inode, kind, …); how many.
  func removeRows(_ query: consuming Statement) throws(SQLiteCode) -> Int {
    var rows: [Entry] = []
    while try query.step() { rows.append(Self.entry(query)) }
    query.reset()
    for row in rows { try remove(row) }
    return rows.count
  }

  /// One step of removing what was below directories that are gone; false when nothing is left.
  func clearGone(limit: Int) throws(SQLiteCode) -> Bool {
    var directory: InodeNumber?
    do {
      let query = try connection.statement("SELECT directory FROM gone LIMIT 1")
      if try query.step() { directory = InodeNumber(query.bits(0)) }
    }
    guard let directory else { return false }
    let query = try connection.statement(
      "SELECT inode, kind, etag, size, modified, validated FROM entry WHERE parent = ? LIMIT ?")
    query.bind(1, bits: directory.rawValue)
    query.bind(2, limit)
    if try removeRows(query) < limit {
      try write()
      try run("DELETE FROM gone WHERE directory = ?", directory)
    }
    return true
  }

  /// Forgets the `limit` oldest negative answers.
  func removeOldestAbsents(limit: Int) throws(SQLiteCode) -> Int {
    let query = try connection.statement(
      """
      SELECT inode, kind, etag, size, modified, validated FROM entry WHERE kind = 0 ORDER BY validated LIMIT ?
      """)
    query.bind(1, limit)
    return try removeRows(query)
  }

  /// Forgets the entries recorded longest ago, and the listings that showed them: those are no longer complete. The
  /// directories that lost something.
  func removeOldestEntries(limit: Int) throws(SQLiteCode) -> Set<InodeNumber> {
    try write()
    var parents: Set<InodeNumber> = []
    do {
      let query = try connection.statement(
        "SELECT DISTINCT parent FROM (SELECT parent FROM entry ORDER BY inode LIMIT ?)")
      query.bind(1, limit)
      while try query.step() { parents.insert(InodeNumber(query.bits(0))) }
    }
    for parent in parents { try run("DELETE FROM listing WHERE directory = ?", parent) }
    let query = try connection.statement(
      "SELECT inode, kind, etag, size, modified, validated FROM entry ORDER BY inode LIMIT ?")
    query.bind(1, limit)
    _ = try removeRows(query)
    return parents
  }

  func document(of inode: InodeNumber) throws(SQLiteCode) -> [UInt8]? {
    let query = try connection.statement("SELECT bytes FROM document WHERE inode = ?")
    query.bind(1, bits: inode.rawValue)
    return try query.step() ? query.blob(0) : nil
  }

  func setDocument(_ bytes: [UInt8], of inode: InodeNumber) throws(SQLiteCode) {
    // Weighs as much in the log as the rows that fit in its pages.
    try write(1 + bytes.count / 1024)
    let insert = try connection.statement("INSERT OR REPLACE INTO document VALUES(?, ?)")
    insert.bind(1, bits: inode.rawValue)
    insert.bind(2, bytes)
    try insert.run()
  }
}

extension Entry.Kind {
  fileprivate var tagText: String? {
    if case .file(let version) = self { return version.tag?.text }
    return nil
  }
  fileprivate var size: Int64 {
    if case .file(let version) = self { return version.size }
    return 0
  }
  fileprivate var modified: Int64 {
    if case .file(let version) = self { return version.modified }
    return 0
  }
}
