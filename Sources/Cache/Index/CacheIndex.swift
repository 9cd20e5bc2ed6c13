import CSQLite
import Glibc
import Objects
import Platform
import Synchronization

/// What is known of the remote's names, and of the bodies near: SQLite behind one lock.
///
/// Disposable and advisory: no call fails. A damaged database is set aside and begun anew, on disk or else in memory;
/// what cannot be written is not remembered. Changes gather in an open transaction, committed about once a second by
/// the cache's housekeeping thread and after `commitAfter` changes, so that the log stays small.
///
/// Lock order: the index's lock is innermost; `onMeasured` and `onLost` are called without it.
package final class CacheIndex: Sendable {
  struct Limits {
    /// Bytes that the database file may have.
    var database: Int64
    /// Changes that are committed together at most: they bound the growth of the log.
    var commitAfter: Int
    var absents = 200_000

    init(cacheSize: Int64) {
      database = max(cacheSize / 4, 4 << 20)
      commitAfter = cacheSize < 256 << 20 ? 256 : 2048
    }
  }

  struct Guarded {
    var database: IndexDatabase?
    var counter: InodeCounter
    var listings: [ListingID: OpenListing] = [:]
    var replacements = 0
    /// Bytes reserved by fills, to be written with the next commit.
    var reserved: Int64 = 0
    var isClosed = false
    /// When the database failed last: said in the log once, until it has been well for a while.
    var lastFailure: MonotonicTime?
    /// When it began to fail, or was opened anew since.
    var failingSince: MonotonicTime?
    /// For people; empty where it failed for its own bound alone.
    var reason = ""
    /// While the database is in memory: when the disk is tried again.
    var nextTry: MonotonicTime?
    /// The worst that happened to the rows during one call.
    var loss: Loss?
    /// A commit happened: the files have another size.
    var wasMeasured = false
  }

  /// What became of rows when the database failed.
  enum Loss: Int, Comparable {
    /// They are those of the last commit, older than the files.
    case rolledBack
    /// They are gone.
    case replaced
    static func < (a: Self, b: Self) -> Bool { a.rawValue < b.rawValue }
  }

  struct OpenListing {
    var start: WallTime
    var complete: Int64
    var isBroken = false
  }

  /// The cache's own directory.
  let directory: String
  let source: String
  let boot: String
  let limits: Limits
  let time: any TimeSource
  let log: Log
  let state: Monitor<Guarded>
  private let hooks = Monitor<Hooks>(Hooks())
  private let away = Atomic<Bool>(false)

  /// The database on disk cannot be used now: what is remembered is remembered in memory, and found on disk no more.
  var isAway: Bool { away.load(ordering: .relaxed) }

  struct Hooks {
    /// The index's files changed their size.
    var onMeasured: (@Sendable () -> Void)?
    /// Rows were lost: bodies must be registered again.
    var onLost: (@Sendable (Loss) -> Void)?
    /// Hooks are called one at a time, and not for what they do themselves.
    var isCalling = false
    /// Rows were lost meanwhile.
    var missedLoss: Loss?
  }

  /// How an opened index was found.
  struct Finding {
    /// The last stop was not clean, or was of another boot.
    var isUnclean: Bool
    /// It was made anew: bodies on disk, if any, have no rows.
    var isNew: Bool
    /// It could not be opened, and may be sound.
    var isInMemory: Bool
  }
  let finding: Finding

  /// Opens, or makes, `index.sqlite` in `directory`. `mayHaveBodies`: the directory was there before.
  init(
    directory: String, source: String, boot: String, limits: Limits, mayHaveBodies: Bool, time: any TimeSource, log: Log
  ) {
    self.directory = directory
    self.source = source
    self.boot = boot
    self.limits = limits
    self.time = time
    self.log = log
    let database = Self.openAnyhow(directory: directory, source: source, boot: boot, limits: limits, log: log)
    let isNew = database?.isNew ?? true
    finding = Finding(isUnclean: !(database?.wasClean ?? false), isNew: isNew, isInMemory: database?.isInMemory ?? true)
    let counter = InodeCounter(
      path: directory + "/numbers", known: database?.nextInode ?? 0, mayBeBehind: isNew && mayHaveBodies,
      now: time.now())
    database?.nextInode = counter.next
    nonisolated(unsafe) var guarded = Guarded(
      database: database, counter: counter, reserved: database?.totals.reserved ?? 0)
    if finding.isInMemory { guarded.nextTry = time.monotonic() + Self.tryPause }
    state = Monitor(guarded)
    away.store(finding.isInMemory, ordering: .relaxed)
  }

  func setHooks(onMeasured: @escaping @Sendable () -> Void, onLost: @escaping @Sendable (Loss) -> Void) {
    hooks.withLock { $0 = Hooks(onMeasured: onMeasured, onLost: onLost) }
  }

  /// Runs `body` on the database. A failure rolls back what was not committed; a full database is pruned, a damaged
  /// one replaced, and the call tried once more; then `fallback` is the answer.
  func perform<Value>(
    _ fallback: @autoclosure () -> Value, _ body: (inout Guarded, IndexDatabase) throws(SQLiteCode) -> Value
  ) -> Value {
    let (value, wasMeasured, loss) = state.withLock { guarded -> (Value?, Bool, Loss?) in
      var value: Value?
      for _ in 0..<2 {
        guard !guarded.isClosed, let database = guarded.database else { break }
        do throws(SQLiteCode) {
          value = try body(&guarded, database)
          database.nextInode = guarded.counter.next
          if database.changes >= limits.commitAfter { try commit(&guarded, database) }
          break
        } catch {
          recover(from: error, &guarded, database)
        }
      }
      defer {
        guarded.wasMeasured = false
        guarded.loss = nil
      }
      return (value, guarded.wasMeasured, guarded.loss)
    }
    if wasMeasured || loss != nil { callHooks(loss) }
    return value ?? fallback()
  }

  func callHooks(_ loss: Loss?) {
    let called = hooks.withLock { hooks -> Hooks? in
      if hooks.isCalling {
        hooks.missedLoss = [hooks.missedLoss, loss].compactMap { $0 }.max()
        return nil
      }
      defer { hooks.isCalling = true }
      return hooks
    }
    guard let called else { return }
    defer { hooks.withLock { $0.isCalling = false } }
    if let loss { called.onLost?(loss) }
    called.onMeasured?()
  }

  /// Once a second: what a hook's own work had to leave undone.
  func callMissedHooks() {
    let missed = hooks.withLock { hooks in
      defer { hooks.missedLoss = nil }
      return hooks.missedLoss
    }
    if let missed { callHooks(missed) }
  }

  func commit(_ guarded: inout Guarded, _ database: IndexDatabase) throws(SQLiteCode) {
    if database.totals.absents > limits.absents { _ = try database.removeOldestAbsents(limit: limits.absents / 10) }
    database.totals.reserved = guarded.reserved
    try database.commit()
    guarded.wasMeasured = true
    if try database.fullness() > 90 {
      try prune(&guarded, database)
      try database.commit()
    }
  }

  // MARK: The transaction

  /// Ends the open transaction. `reserved`: bytes that fills hold at this moment.
  func commit(reserved: Int64? = nil) {
    perform(()) { guarded, database throws(SQLiteCode) in
      if let reserved { guarded.reserved = reserved }
      try commit(&guarded, database)
    }
  }

  /// Commits and marks the stop as clean; later calls change nothing and find nothing. Not `isClean`: the sweep was not
  /// everywhere yet.
  func close(isClean: Bool = true) {
    perform(()) { guarded, database throws(SQLiteCode) in
      // Not after a failure of this very call: rows and files are to be compared.
      let isClean = isClean && guarded.loss == nil
      guarded.counter.close()
      database.nextInode = guarded.counter.next
      database.totals.reserved = isClean ? 0 : guarded.reserved
      try database.commit(clean: isClean)
    }
    state.withLock {
      $0.isClosed = true
      $0.database = nil
    }
  }

  /// What a failing call does: rolls back, prunes or replaces. For tests.
  func fail(with code: SQLiteCode) {
    let loss = state.withLock { guarded in
      if let database = guarded.database { recover(from: code, &guarded, database) }
      defer { guarded.loss = nil }
      return guarded.loss
    }
    callHooks(loss)
  }

  func setAway(_ isAway: Bool) { away.store(isAway, ordering: .relaxed) }

  /// Lets go of the database without a commit, as a killed process does. For tests.
  func abandon() {
    state.withLock {
      $0.isClosed = true
      $0.database = nil
    }
  }

  /// The directory was deleted under us: begin anew in the one made again.
  func beginAnew() {
    state.withLock { guarded in
      guard !guarded.isClosed else { return }
      for id in guarded.listings.keys { guarded.listings[id]?.isBroken = true }
      replace(&guarded)
      guarded.loss = nil
    }
    callHooks(.replaced)
  }

  /// Allocated bytes of the index's files, the one set aside included.
  func allocatedBytes() -> Int64 {
    var total: Int64 = 0
    for suffix in ["", "-wal", "-shm", "-journal", ".damaged-1"] {
      var status = stat()
      if lstat(directory + "/index.sqlite" + suffix, &status) == 0 { total += Int64(status.st_blocks) * 512 }
    }
    return total
  }
}
