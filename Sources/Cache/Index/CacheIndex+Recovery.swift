import Glibc
import Objects
import Platform

/// What keeps the index going when its database fails: set aside, begun anew, pruned, or kept in memory.
extension CacheIndex {
  /// A disk that damages more indexes than this in one run gets no more of them.
  private static let replacementLimit = 8

  static func openAnyhow(
    directory: String, source: String, boot: String, limits: Limits, log: Log, inMemory: Bool = false
  ) -> IndexDatabase? {
    let path = directory + "/index.sqlite"
    let pages = limits.database / 4096
    for _ in 0..<(inMemory ? 0 : 2) {
      // SQLite gives its files the mode of the database file.
      _ = try? FileDescriptor.open(path, O_WRONLY | O_CREAT | O_NOFOLLOW)
      do throws(SQLiteCode) {
        return try IndexDatabase(path: path, source: source, boot: boot, pageLimit: pages)
      } catch {
        log.warning(
          "The cache's index cannot be used and is begun anew.", [("path", path), ("error", error.description)])
        if error.isPassing { break }
        setAside(path, limit: limits.database / 4)
      }
    }
    log.warning("The cache's index is kept in memory only.", [("path", path)])
    return try? IndexDatabase(
      path: ":memory:", source: source, boot: boot, pageLimit: min(pages, (16 << 20) / 4096))
  }

  /// Keeps one damaged index for whoever wants to look into it, unless it is big.
  private static func setAside(_ path: String, limit: Int64) {
    unlink(path + "-wal")
    unlink(path + "-shm")
    var status = stat()
    let isSmall = lstat(path, &status) == 0 && Int64(status.st_blocks) * 512 <= limit
    if !isSmall || rename(path, path + ".damaged-1") != 0 { unlink(path) }
  }

  /// Makes some room: negative answers first, then what was recorded longest ago.
  func prune(_ guarded: inout Guarded, _ database: IndexDatabase) throws(SQLiteCode) {
    if try database.removeOldestAbsents(limit: limits.commitAfter) >= limits.commitAfter { return }
    let parents = try database.removeOldestEntries(limit: limits.commitAfter)
    for id in guarded.listings.keys where parents.contains(id.directory) { guarded.listings[id]?.isBroken = true }
  }

  func recover(from code: SQLiteCode, _ guarded: inout Guarded, _ database: IndexDatabase) {
    if !guarded.isFailing { log.warning("The cache's index failed.", [("error", code.description)]) }
    guarded.isFailing = true
    guarded.wasLost = true
    guarded.wasMeasured = true
    // Pages that a listing had written may be rolled back.
    for id in guarded.listings.keys { guarded.listings[id]?.isBroken = true }
    do throws(SQLiteCode) {
      try database.rollBack(source: source)
      if code.isFull {
        // Else the disk is full: what is there stays.
        guard try database.fullness() > 75 else { return }
        try prune(&guarded, database)
        try database.commit()
        return
      }
    } catch {
      if code.isFull, error.isFull { return }
      log.warning("The cache's index could not be rolled back.", [("error", error.description)])
    }
    replace(&guarded)
  }

  func replace(_ guarded: inout Guarded) {
    let generation = guarded.database?.totals.generation ?? 1
    let cursor = guarded.database?.totals.cursor ?? 0
    guarded.database = nil
    guarded.replacements += 1
    if guarded.replacements <= Self.replacementLimit {
      Self.setAside(directory + "/index.sqlite", limit: limits.database / 4)
    }
    let database = Self.openAnyhow(
      directory: directory, source: source, boot: boot, limits: limits, log: log,
      inMemory: guarded.replacements > Self.replacementLimit)
    database?.totals.generation = generation
    database?.totals.cursor = cursor
    database?.nextInode = guarded.counter.next
    guarded.database = database
    guarded.counter.persist()
  }
}
