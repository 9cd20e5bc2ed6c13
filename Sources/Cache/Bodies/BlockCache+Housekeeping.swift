import Glibc
import Objects
import Platform

/// The thread that commits, corrects and removes in the background.
extension BlockCache {
  private static let period = Interval.seconds(1)

  func startHousekeeping() {
    let thread = try? Thread.start("zarrfs-cache") { [weak self] in
      // Its own clock: a test's time stands still.
      let clock = SystemTimeSource()
      while let cache = self {
        if cache.housekeeping.withLock({ $0.needsSweep }), cache.index.isReliable { cache.sweep() }
        let deadline = clock.monotonic() + Self.period
        let isStopping =
          cache.housekeeping.wait(until: deadline) { state -> Bool? in
            if state.isStopping { return true }
            if state.isKicked { return false }
            return nil
          } ?? false
        if isStopping { return }
        cache.tick()
        // Its own kicks: else a disk that keeps failing keeps it busy.
        cache.housekeeping.withLock { $0.isKicked = false }
      }
    }
    if let thread {
      housekeeping.withLock { $0.thread = thread }
    } else {
      log.error("The cache's thread could not be started: nothing is committed before the end.")
    }
  }

  func stopHousekeeping() {
    let thread = housekeeping.withLockNotifying { state in
      state.isStopping = true
      defer { state.thread = nil }
      return state.thread
    }
    thread?.join()
  }

  func kickHousekeeping() { housekeeping.withLockNotifying { $0.isKicked = true } }

  /// What is done about once a second.
  func tick() {
    if !folder.isInPlace(withIndex: !index.isAway) { beginAnew() }
    index.returnToDisk()
    index.callMissedHooks()
    flushTouches()
    evictAged()
    index.limitProtected(to: configuration.size)
    _ = index.clearGone()
    index.commit(reserved: ledger.withLock { $0.unsettled })
    let fixed = folder.fixedBytes()
    let excess = ledger.withLock { ledger in
      ledger.fixed = fixed
      return ledger.excess
    }
    if excess > 0 { _ = evict(bytes: excess) }
  }

  /// Someone deleted the directory. It is made again, empty, and locked; where that fails, the cache is out of use until
  /// it can be done.
  private func beginAnew() {
    let isFirst = housekeeping.withLock { state in
      defer { state.isGone = true }
      return !state.isGone
    }
    if isFirst { log.warning("The cache's directory is gone and is made again.", [("path", folder.path)]) }
    // It may be the same directory, with some of it deleted.
    folder.unlock()
    guard let made = try? CacheFolder(configuration) else { return writing.failed("mkdir", .noEntry) }
    replaceFolder(made)
    housekeeping.withLock { $0.isGone = false }
    ledger.withLock { $0.bodies = 0 }
    index.beginAnew()
    for body in table.withLock({ $0.all() }) { body.lose() }
    let bytes = index.bodyTotals().bytes
    ledger.withLock {
      $0.bodies = bytes
      $0.uncertain = made.isNew ? 0 : $0.limit
    }
    housekeeping.withLock { $0.needsSweep = !made.isNew }
  }

  /// Rows were lost, or went back to the last commit, while files went on. Bodies in use are registered again, with
  /// nothing present where the rows are gone; others are put right by a sweep, and count as taken until then.
  func indexWasLost(_ loss: CacheIndex.Loss) {
    let bodies = table.withLock { $0.all() }
    var rows: [BodyRow] = []
    // By the number of the file: those who share one are a group, and the first carries it.
    var groups: [ino_t: Int] = [:]
    for body in bodies {
      let (isDoomed, storageClass, kept) = body.state.withLock { state in
        if loss == .replaced {
          state.segments = [:]
          state.epoch += 1
        }
        return (state.isDoomed, state.storageClass, state.kept)
      }
      guard !isDoomed, let status = try? folder.bodyStatus(body.inode) else { continue }
      var row = BodyRow(
        inode: body.inode, storageClass: storageClass, size: body.size, allocated: status.allocatedBytes,
        lastUse: time.now(), hits: 1, kept: kept)
      if status.st_nlink > 1 {
        let first = groups[status.st_ino] ?? rows.count
        groups[status.st_ino] = first
        row.group = first == rows.count ? body.inode.rawValue : rows[first].group
        row.carries = first == rows.count
        if !row.carries { row.allocated = 0 }
      }
      rows.append(row)
    }
    let registered = index.registerAgain(rows, keepingBlocks: loss == .rolledBack)
    ledger.withLock { ledger in
      ledger.uncertain += max(0, ledger.bodies - registered)
      ledger.bodies = registered
    }
    // A full disk may be the reason.
    if let free = folder.freeBytes(), free < 4 << 20 { _ = evict(bytes: 8 << 20) }
    housekeeping.withLockNotifying {
      $0.needsSweep = true
      $0.isKicked = true
    }
  }

  // MARK: The sweep

  /// Makes rows and files agree: after an unclean stop or a lost index. Files without rows are removed, rows without
  /// files too, and totals corrected. In small steps; serving goes on meanwhile.
  func sweep() {
    housekeeping.withLock {
      $0.needsSweep = false
      $0.isSweeping = true
    }
    let stuck = sweepFiles()
    let isComplete = stuck != nil && sweepRows()
    if isComplete, let stuck {
      // A damaged index may hold rows that do not add up.
      index.countBodies()
      let bytes = index.bodyTotals().bytes
      ledger.withLock {
        $0.uncertain = stuck
        $0.bodies = bytes
      }
      index.commit(reserved: ledger.withLock { $0.unsettled })
    }
    housekeeping.withLockNotifying {
      $0.isSweeping = false
      // Interrupted: the next start goes on.
      if !isComplete { $0.needsSweep = true }
    }
  }

  private var isStopping: Bool { housekeeping.withLock { $0.isStopping } }

  /// Bytes of files that should go and stay; nil: interrupted.
  private func sweepFiles() -> Int64? {
    let folder = folder
    var stuck: Int64 = 0
    for fan in 0..<256 {
      folder.forEachBody(inFan: fan, limit: 256) { inodes in
        let orphans = index.withoutRow(inodes)
        for inode in orphans {
          // A body that is being filled has no row yet.
          var released: [Body] = []
          let isFree = table.withLock { $0.leave(inode, release: &released) }
          released = []
          guard isFree else { continue }
          // A row may have come since it was looked for.
          if index.body(of: inode) == nil { stuck += folder.removeBody(inode) }
          table.withLock { $0.left([inode]) }
        }
        return !isStopping
      }
      if isStopping { return nil }
    }
    return stuck
  }

  private func sweepRows() -> Bool {
    var after = InodeNumber(0)
    while case let rows = index.bodies(after: after, limit: 128), let last = rows.last {
      for row in rows {
        do throws(Errno) {
          let allocated = try folder.bodyStatus(row.inode).allocatedBytes
          settle(index.correct(row.inode, allocated: allocated))
        } catch {
          guard error == .noEntry else { continue }
          var released: [Body] = []
          let isFree = table.withLock { $0.leave(row.inode, release: &released) }
          released = []
          guard isFree else { continue }
          settle(-index.removeBodies([row.inode]))
          table.withLock { $0.left([row.inode]) }
        }
      }
      after = last.inode
      if isStopping { return false }
    }
    return true
  }
}
