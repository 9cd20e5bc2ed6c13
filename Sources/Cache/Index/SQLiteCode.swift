import CSQLite

/// A result code of SQLite, as an error. Extended codes are kept; `primary` is the family.
struct SQLiteCode: Error, Equatable {
  let rawValue: CInt

  init(_ rawValue: CInt) { self.rawValue = rawValue }

  var primary: CInt { rawValue & 0xff }

  /// The database reached `max_page_count`, or the disk is full.
  var isFull: Bool { primary == SQLITE_FULL }
}

extension SQLiteCode: CustomStringConvertible {
  var description: String { "\(String(cString: sqlite3_errstr(rawValue))) (\(rawValue))" }
}
