import Glibc
import Objects
import Platform

/// What keeps the index going when its database fails. Damaged, it is set aside and begun anew. Where only the disk
/// fails it goes on as it is, from the last commit; where it cannot even be read, in memory, until the disk is well again.
extension CacheIndex {
  /// A disk that damages more indexes than this in one run gets a new one once a minute only.
  private static let replacementLimit = 8
  /// Between two tries of a disk that failed.
  static let tryPause = Interval.seconds(5)
  /// A database that fails for so long is opened anew: its connection may be what is wrong.
  private static let reopenPause = Interval.seconds(15)

  static func openAnyhow(
    directory: String, source: String, boot: String, limits: Limits, log: Log
  ) -> IndexDatabase? {
    do throws(SQLiteCode) {
      return try openOnDisk(directory: directory, source: source, boot: boot, limits: limits, log: log)
    } catch {
      log.warning(
        "The cache's index cannot be used now: nothing is cached until it can.",
        [("path", directory + "/index.sqlite"), ("error", error.description)])
    }
    return openInMemory(source: source, boot: boot, limits: limits)
  }

  private static func openInMemory(source: String, boot: String, limits: Limits) -> IndexDatabase? {
    try? IndexDatabase(
      path: ":memory:", source: source, boot: boot, pageLimit: min(limits.database, 16 << 20) / 4096)
  }

  /// A damaged one is set aside.
  private static func openOnDisk(
    directory: String, source: String, boot: String, limits: Limits, log: Log
  ) throws(SQLiteCode) -> IndexDatabase {
    let path = directory + "/index.sqlite"
    func open() throws(SQLiteCode) -> IndexDatabase {
      // SQLite gives its files the mode of the database file.
      _ = try? FileDescriptor.open(path, O_WRONLY | O_CREAT | O_NOFOLLOW)
      return try IndexDatabase(path: path, source: source, boot: boot, pageLimit: limits.database / 4096)
    }
    do throws(SQLiteCode) {
      return try open()
    } catch {
      guard error.isDamage else { throw error }
      log.warning("The cache's index is damaged and is begun anew.", [("path", path), ("error", error.description)])
      setAside(path, limit: limits.database / 4)
      return try open()
    }
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

  /// Whether the last failure is 10 s ago: a full disk fails with every write, and between them all seems well.
  func isWell(_ guarded: Guarded, _ now: MonotonicTime) -> Bool {
    guarded.lastFailure.map { now - $0 >= .seconds(10) } ?? true
  }

  /// Whether rows can be compared with files, and be corrected.
  var isReliable: Bool {
    let now = time.monotonic()
    return !isAway && state.withLock { isWell($0, now) }
  }

  /// Why the index does not keep what it is told; nil: it does.
  var trouble: String? {
    let now = time.monotonic()
    return state.withLock { guarded in
      guard isAway || !isWell(guarded, now), !guarded.reason.isEmpty || isAway else { return nil }
      return "index: \(guarded.reason.isEmpty ? "it cannot be opened" : guarded.reason)"
    }
  }

  func recover(from code: SQLiteCode, _ guarded: inout Guarded, _ database: IndexDatabase) {
    let now = time.monotonic()
    if isWell(guarded, now) {
      log.warning("The cache's index failed.", [("error", code.description)])
      guarded.failingSince = now
    }
    guarded.lastFailure = now
    guarded.reason = code.description
    guarded.wasMeasured = true
    guarded.loss = max(guarded.loss ?? .rolledBack, .rolledBack)
    // Pages that a listing had written may be rolled back.
    for id in guarded.listings.keys { guarded.listings[id]?.isBroken = true }
    if code.isDamage { return replace(&guarded) }
    do throws(SQLiteCode) {
      try database.rollBack(source: source)
      // Else the disk is full: what is there stays.
      if code.isFull, try database.fullness() > 75 {
        guarded.reason = ""
        try prune(&guarded, database)
        try database.commit()
      }
    } catch {
      if error.isFull { return }
      return error.isDamage ? replace(&guarded) : reopen(&guarded, unlessFailing: nil)
    }
    if !database.isInMemory, now - (guarded.failingSince ?? now) >= Self.reopenPause {
      reopen(&guarded, unlessFailing: database)
    }
  }

  /// Begins anew, on disk unless that damages one index after another.
  func replace(_ guarded: inout Guarded) {
    if guarded.database?.isInMemory ?? false { return reopen(&guarded, unlessFailing: nil) }
    let old = guarded.database?.totals
    guarded.database = nil
    guarded.replacements += 1
    Self.setAside(directory + "/index.sqlite", limit: limits.database / 4)
    let isHopeless = guarded.replacements > Self.replacementLimit
    if isHopeless { log.warning("The cache's index was damaged again and again: nothing is cached for a while.") }
    let database =
      isHopeless
      ? Self.openInMemory(source: source, boot: boot, limits: limits)
      : Self.openAnyhow(directory: directory, source: source, boot: boot, limits: limits, log: log)
    guarded.loss = .replaced
    take(database, after: old, &guarded, pause: isHopeless ? .seconds(60) : Self.tryPause)
    guarded.counter.persist()
  }

  /// Closes the database and opens it again as it is on disk; where that cannot be done, keeps `old`, or goes on in
  /// memory.
  private func reopen(_ guarded: inout Guarded, unlessFailing old: IndexDatabase?) {
    guarded.failingSince = time.monotonic()
    let totals = guarded.database?.totals
    if old == nil { guarded.database = nil }
    if let fresh = try? Self.openOnDisk(directory: directory, source: source, boot: boot, limits: limits, log: log) {
      if fresh.isNew { guarded.loss = .replaced }
      take(fresh, after: totals, &guarded, pause: Self.tryPause)
    } else if old == nil {
      log.warning("The cache's index cannot be used now: nothing is cached until it can.", [("error", guarded.reason)])
      take(Self.openInMemory(source: source, boot: boot, limits: limits), after: totals, &guarded, pause: Self.tryPause)
    }
  }

  /// Once a second: from memory back to the disk, when that is well again.
  func returnToDisk() {
    guard isAway else { return }
    let now = time.monotonic()
    let loss = state.withLock { guarded -> Loss? in
      guard !guarded.isClosed, let nextTry = guarded.nextTry, now >= nextTry else { return nil }
      guarded.nextTry = now + Self.tryPause
      guard let fresh = try? Self.openOnDisk(directory: directory, source: source, boot: boot, limits: limits, log: log)
      else { return nil }
      for id in guarded.listings.keys { guarded.listings[id]?.isBroken = true }
      take(fresh, after: guarded.database?.totals, &guarded, pause: Self.tryPause)
      log.info("The cache's index works again.")
      return fresh.isNew ? .replaced : .rolledBack
    }
    if let loss { callHooks(loss) }
  }

  /// Numbers go on: neither they nor generations ever come twice.
  private func take(
    _ database: IndexDatabase?, after old: IndexDatabase.Totals?, _ guarded: inout Guarded, pause: Interval
  ) {
    if let database, let old {
      database.totals.generation = max(database.totals.generation, old.generation + 1)
      database.totals.cursor = max(database.totals.cursor, old.cursor)
    }
    database?.nextInode = guarded.counter.next
    guarded.database = database
    let isAway = database?.isInMemory ?? true
    setAway(isAway)
    guarded.nextTry = isAway ? time.monotonic() + pause : nil
    // On disk and open: as if nothing had been.
    if !isAway { guarded.lastFailure = nil }
  }
}
