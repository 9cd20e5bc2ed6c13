import CSQLite

/// One run of a prepared statement: bind, step, read columns. Parameters count from 1, columns from 0, as in SQLite.
/// Reset at the end of its life, so that no read transaction or bound blob outlives its use.
struct Statement: ~Copyable {
  private let handle: OpaquePointer

  init(_ handle: OpaquePointer) { self.handle = handle }

  deinit {
    sqlite3_reset(handle)
    sqlite3_clear_bindings(handle)
  }

  func bind(_ index: CInt, _ value: Int64) { sqlite3_bind_int64(handle, index, value) }
  func bind(_ index: CInt, _ value: Int) { sqlite3_bind_int64(handle, index, Int64(value)) }
  func bind(_ index: CInt, bits value: UInt64) { sqlite3_bind_int64(handle, index, Int64(bitPattern: value)) }

  func bind(_ index: CInt, _ value: String?) {
    guard let value else { return bindNull(index) }
    sqlite3_bind_text(handle, index, value, -1, csqlite_transient())
  }

  func bind(_ index: CInt, _ bytes: [UInt8]) {
    guard !bytes.isEmpty else {
      sqlite3_bind_zeroblob(handle, index, 0)
      return
    }
    bytes.withUnsafeBytes { _ = sqlite3_bind_blob(handle, index, $0.baseAddress, CInt($0.count), csqlite_transient()) }
  }

  func bindNull(_ index: CInt) { sqlite3_bind_null(handle, index) }

  /// Whether there is a row. The corresponding C function is `sqlite3_step`.
  func step() throws(SQLiteCode) -> Bool {
    switch sqlite3_step(handle) {
    case SQLITE_ROW: return true
    case SQLITE_DONE: return false
    case let code: throw SQLiteCode(code)
    }
  }

  /// Runs to the end, ignoring rows.
  func run() throws(SQLiteCode) { while try step() {} }

  /// Ready for other values; bindings stay.
  func reset() { sqlite3_reset(handle) }

  func isNull(_ column: CInt) -> Bool { sqlite3_column_type(handle, column) == SQLITE_NULL }
  func int64(_ column: CInt) -> Int64 { sqlite3_column_int64(handle, column) }
  func int(_ column: CInt) -> Int { Int(sqlite3_column_int64(handle, column)) }
  func bits(_ column: CInt) -> UInt64 { UInt64(bitPattern: sqlite3_column_int64(handle, column)) }

  func text(_ column: CInt) -> String? {
    guard let bytes = sqlite3_column_text(handle, column) else { return nil }
    return String(cString: bytes)
  }

  func blob(_ column: CInt) -> [UInt8] {
    let count = Int(sqlite3_column_bytes(handle, column))
    guard count > 0, let bytes = sqlite3_column_blob(handle, column) else { return [] }
    return [UInt8](UnsafeRawBufferPointer(start: bytes, count: count))
  }
}
