import CSQLite

/// One database connection, used by one thread at a time (SQLITE_OPEN_NOMUTEX); its owner's lock sees to that.
///
/// Statements are prepared once and kept, keyed by the address of their literal: SQL stands where it is used, and a
/// lookup costs a hash of a pointer.
final class Connection {
  private let handle: OpaquePointer
  private var prepared: [UnsafePointer<UInt8>: OpaquePointer] = [:]

  /// The corresponding C function is `sqlite3_open_v2`.
  init(path: String, flags: CInt) throws(SQLiteCode) {
    var opened: OpaquePointer?
    let code = sqlite3_open_v2(path, &opened, flags | SQLITE_OPEN_NOMUTEX, nil)
    guard code == SQLITE_OK, let opened else {
      sqlite3_close_v2(opened)
      throw SQLiteCode(code)
    }
    handle = opened
    sqlite3_extended_result_codes(opened, 1)
    // `zarrfs cache info` may be looking.
    sqlite3_busy_timeout(opened, 5000)
  }

  deinit {
    for statement in prepared.values { sqlite3_finalize(statement) }
    sqlite3_close_v2(handle)
  }

  /// The corresponding C function is `sqlite3_exec`.
  func execute(_ sql: String) throws(SQLiteCode) {
    let code = sqlite3_exec(handle, sql, nil, nil, nil)
    guard code == SQLITE_OK else { throw SQLiteCode(code) }
  }

  /// A statement ready to bind and step; reset at the end of its life. One use of a literal at a time.
  func statement(_ sql: StaticString) throws(SQLiteCode) -> Statement {
    if let known = prepared[sql.utf8Start] { return Statement(known) }
    var made: OpaquePointer?
    let text = UnsafeRawPointer(sql.utf8Start).assumingMemoryBound(to: CChar.self)
    let code = sqlite3_prepare_v3(
      handle, text, CInt(sql.utf8CodeUnitCount), UInt32(SQLITE_PREPARE_PERSISTENT), &made, nil)
    guard code == SQLITE_OK, let made else { throw SQLiteCode(code == SQLITE_OK ? SQLITE_MISUSE : code) }
    prepared[sql.utf8Start] = made
    return Statement(made)
  }

  /// Whether no transaction is open: also after SQLite rolled one back by itself. `sqlite3_get_autocommit`.
  var isOutsideTransaction: Bool { sqlite3_get_autocommit(handle) != 0 }

  /// The first column of the first row of a one-off query; 0 if there is none.
  func number(_ sql: String) throws(SQLiteCode) -> Int64 {
    var made: OpaquePointer?
    let code = sqlite3_prepare_v2(handle, sql, -1, &made, nil)
    defer { sqlite3_finalize(made) }
    guard code == SQLITE_OK else { throw SQLiteCode(code) }
    switch sqlite3_step(made) {
    case SQLITE_ROW: return sqlite3_column_int64(made, 0)
    case SQLITE_DONE: return 0
    case let failure: throw SQLiteCode(failure)
    }
  }
}
