import CSQLite

/// A result code of SQLite, as an error. Extended codes are kept; `primary` is the family.
struct SQLiteCode: Error, Equatable {
  let rawValue: CInt

  init(_ rawValue: CInt) { self.rawValue = rawValue }

  var primary: CInt { rawValue & 0xff }

  /// The database reached `max_page_count`, or the disk is full.
  var isFull: Bool { primary == SQLITE_FULL }

  /// The file is not what SQLite left there, or not ours. Else it may well be sound, and only cannot be used now.
  var isDamage: Bool {
    switch primary {
    case SQLITE_FULL, SQLITE_BUSY, SQLITE_LOCKED, SQLITE_NOMEM, SQLITE_READONLY, SQLITE_PERM, SQLITE_AUTH,
      SQLITE_INTERRUPT, SQLITE_PROTOCOL:
      false
    // SQLITE_IOERR_SHORT_READ, SQLITE_IOERR_CORRUPTFS
    case SQLITE_IOERR: [522, 8458].contains(rawValue)
    // SQLITE_CANTOPEN_ISDIR, SQLITE_CANTOPEN_SYMLINK
    case SQLITE_CANTOPEN: [526, 1550].contains(rawValue)
    default: true
    }
  }
}

extension SQLiteCode: CustomStringConvertible {
  var description: String { "\(String(cString: sqlite3_errstr(rawValue))) (\(rawValue))" }
}
