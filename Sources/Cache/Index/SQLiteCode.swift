import CSQLite

/// A result code of SQLite, as an error. Extended codes are kept; `primary` is the family.
struct SQLiteCode: Error, Equatable {
  let rawValue: CInt

  init(_ rawValue: CInt) { self.rawValue = rawValue }

  var primary: CInt { rawValue & 0xff }

  /// The database reached `max_page_count`, or the disk is full.
  var isFull: Bool { primary == SQLITE_FULL }

  /// The file may well be sound, and only cannot be used now.
  var isPassing: Bool {
    [SQLITE_FULL, SQLITE_BUSY, SQLITE_LOCKED, SQLITE_NOMEM, SQLITE_READONLY, SQLITE_PERM].contains(primary)
  }
}

extension SQLiteCode: CustomStringConvertible {
  var description: String { "\(String(cString: sqlite3_errstr(rawValue))) (\(rawValue))" }
}
