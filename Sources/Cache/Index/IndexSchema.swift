/// The tables. The index is disposable: another `version` sets the old one aside and begins anew.
enum IndexSchema {
  static let version: Int64 = 4

  /// An entry's row is its inode number: rows are appended in order, and a new version is a new row.
  /// `listed`, `previous`: the entry's cursors in the newest listing that showed it, and in the complete one before it.
  /// `since`: when the entry's version was first heard of.
  /// `kept_from`, `kept_to`: the bytes of a body that may stay when the rest is evicted; both 0: none.
  /// An entry of kind 0 (absent) has a number too, that nobody is told.
  static let tables = """
    CREATE TABLE meta(
      id INTEGER PRIMARY KEY, version INTEGER NOT NULL, source TEXT NOT NULL, generation INTEGER NOT NULL,
      clean INTEGER NOT NULL, boot TEXT NOT NULL, next_inode INTEGER NOT NULL, cursor INTEGER NOT NULL,
      absents INTEGER NOT NULL, reserved INTEGER NOT NULL, ranks BLOB NOT NULL);
    CREATE TABLE entry(
      inode INTEGER PRIMARY KEY, parent INTEGER NOT NULL, name BLOB NOT NULL, kind INTEGER NOT NULL, etag TEXT,
      size INTEGER NOT NULL, modified INTEGER NOT NULL, validated INTEGER NOT NULL, listed INTEGER NOT NULL,
      previous INTEGER NOT NULL, since INTEGER NOT NULL);
    CREATE UNIQUE INDEX entry_name ON entry(parent, name);
    CREATE INDEX entry_listed ON entry(parent, listed);
    CREATE INDEX entry_previous ON entry(parent, previous) WHERE previous > 0;
    CREATE INDEX entry_absent ON entry(validated) WHERE kind = 0;
    CREATE TABLE listing(
      directory INTEGER PRIMARY KEY, base INTEGER NOT NULL, last INTEGER NOT NULL, completed INTEGER NOT NULL,
      old_base INTEGER NOT NULL, old_last INTEGER NOT NULL);
    CREATE TABLE document(inode INTEGER PRIMARY KEY, bytes BLOB NOT NULL);
    CREATE TABLE gone(directory INTEGER PRIMARY KEY);
    CREATE TABLE body(
      inode INTEGER PRIMARY KEY, class INTEGER NOT NULL, rank INTEGER NOT NULL, size INTEGER NOT NULL,
      allocated INTEGER NOT NULL, last_use INTEGER NOT NULL, hits INTEGER NOT NULL, digest BLOB,
      proof INTEGER NOT NULL, share INTEGER NOT NULL, carries INTEGER NOT NULL, kept_from INTEGER NOT NULL,
      kept_to INTEGER NOT NULL);
    CREATE INDEX body_rank ON body(rank, last_use);
    CREATE INDEX body_digest ON body(digest) WHERE digest IS NOT NULL;
    CREATE INDEX body_share ON body(share) WHERE share != 0;
    CREATE TABLE segment(
      inode INTEGER NOT NULL, number INTEGER NOT NULL, present INTEGER NOT NULL, generation INTEGER NOT NULL,
      checksums BLOB NOT NULL, PRIMARY KEY(inode, number)) WITHOUT ROWID;
    """

  /// Memory mapping stays off: an I/O error would be a SIGBUS.
  static func settings(pageLimit: Int64) -> String {
    """
    PRAGMA page_size = 4096;
    PRAGMA journal_mode = WAL;
    PRAGMA synchronous = NORMAL;
    PRAGMA locking_mode = NORMAL;
    PRAGMA mmap_size = 0;
    PRAGMA temp_store = MEMORY;
    PRAGMA cache_size = -4096;
    PRAGMA wal_autocheckpoint = 256;
    PRAGMA journal_size_limit = 1048576;
    PRAGMA max_page_count = \(pageLimit);
    """
  }
}
