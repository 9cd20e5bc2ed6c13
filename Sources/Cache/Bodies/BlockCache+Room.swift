package import Objects
import Platform
import Synchronization

/// Room: reserved before a download, made by eviction, given back.
extension BlockCache {
  /// Candidates looked at for one reservation, at most: when so many are in use, there is no room.
  private static let searchLimit = 4096

  /// What the disk has free, asked once a second or every 64 MiB.
  struct FreeSpace {
    var known: Int64?
    var checked = MonotonicTime(nanoseconds: 0)
    var takenSince: Int64 = 0
  }

  /// Reserves `bytes`; false when eviction cannot make room for them.
  func reserve(_ bytes: Int64) -> Bool {
    guard ledger.withLock({ $0.canHold(bytes) }) else { return false }
    for _ in 0..<8 {
      let excess = ledger.withLock { $0.reserve(bytes) }
      if excess == 0 {
        guard keepsFloor(bytes) else {
          release(bytes)
          return false
        }
        if ledger.withLock({ $0.commitIsDue() }) { index.commit(reserved: ledger.withLock { $0.unsettled }) }
        return true
      }
      if evict(bytes: excess) == 0 { return false }
    }
    return false
  }

  func release(_ bytes: Int64) { ledger.withLock { $0.release(bytes) } }

  /// Takes a difference between rows and disk into the sum.
  func settle(_ difference: Int64) {
    if difference != 0 { ledger.withLock { $0.bodies += difference } }
  }

  private func keepsFloor(_ bytes: Int64) -> Bool {
    guard let free = freeBytes(taking: bytes, isFresh: false) else { return true }
    let lack = configuration.minimumFree - free
    guard lack > 0 else { return true }
    guard let exact = freeBytes(taking: bytes, isFresh: true), case let lack = configuration.minimumFree - exact,
      lack > 0
    else { return true }
    guard evict(bytes: lack + configuration.size / 100) > 0 else { return false }
    return (freeBytes(taking: bytes, isFresh: true) ?? .max) >= configuration.minimumFree
  }

  /// Free bytes of the disk after `bytes` more.
  private func freeBytes(taking bytes: Int64, isFresh: Bool) -> Int64? {
    let now = time.monotonic()
    let known = freeSpace.withLock { space -> Int64? in
      space.takenSince += bytes
      guard !isFresh, let known = space.known, now - space.checked < .seconds(1), space.takenSince < 64 << 20 else {
        return nil
      }
      return known - space.takenSince
    }
    if let known { return known }
    let free = folder.freeBytes()
    // What is reserved and not yet written is still free on the disk.
    let reserved = ledger.withLock { $0.reserved }
    freeSpace.withLock { $0 = FreeSpace(known: free.map { $0 - reserved }, checked: now, takenSince: 0) }
    return free.map { $0 - reserved }
  }

  /// Evicts the coldest bodies that nobody uses, until `bytes` are free; what was freed. The one eviction that may leave
  /// a part of a body.
  func evict(bytes need: Int64) -> Int64 {
    flushTouches()
    var freed: Int64 = 0
    var skipped = 0
    // Where the index cannot be written, rows come back.
    var removed: Set<InodeNumber> = []
    while freed < need, skipped < Self.searchLimit {
      let (candidates, ranks) = index.coldest(skipping: skipped, limit: EvictionPolicy.batch)
      if candidates.isEmpty { break }
      var released: [Body] = []
      let victims = table.withLock { table in
        EvictionPolicy.victims(of: candidates, need: need - freed, ranks: ranks, limit: configuration.size) {
          removed.contains($0) || !table.leave($0, release: &released)
        }
      }
      released = []
      let taken = take(victims)
      removed = Set(taken.removed)
      freed += taken.bytes
      skipped += candidates.count - victims.count
    }
    return freed
  }

  /// Removes rows, then files, of bodies that are marked as leaving; the bytes freed.
  @discardableResult
  func remove(_ inodes: [InodeNumber]) -> Int64 {
    guard !inodes.isEmpty else { return 0 }
    let bytes = index.removeBodies(inodes)
    index.commit()
    let folder = folder
    let stuck = inodes.reduce(0) { $0 + folder.removeBody($1) }
    table.withLock { $0.left(inodes) }
    ledger.withLock {
      $0.bodies -= bytes
      $0.uncertain += stuck
    }
    if stuck > 0 { housekeeping.withLock { $0.needsSweep = true } }
    freeSpace.withLock { $0.known = nil }
    noteEvicted(inodes, bytes: bytes)
    return bytes
  }

  /// Evicts one body; the bytes freed, or to be freed. One in use goes on for its readers, and is removed when the last lets go.
  @discardableResult
  package func evict(_ inode: InodeNumber) -> Int64 {
    var released: [Body] = []
    let (isLeaving, doomed) = table.withLock { table -> (Bool, Body?) in
      if table.leave(inode, release: &released) { return (true, nil) }
      return (false, table.doom(inode))
    }
    released = []
    if isLeaving { return remove([inode]) }
    guard let doomed else { return 0 }
    // Until its bytes are known by the table.
    defer { withExtendedLifetime(doomed) {} }
    doomed.loadAll()
    doomed.state.withLock { $0.isDoomed = true }
    let isShared = index.body(of: inode).map { $0.group != 0 } ?? false
    let bytes = index.removeBodies([inode])
    // The others may go before the reader does: what it holds then still takes its room.
    let held = isShared ? (try? folder.bodyStatus(inode))?.allocatedBytes ?? bytes : bytes
    table.withLock { $0.setDoomedBytes(held, of: inode) }
    ledger.withLock {
      $0.bodies -= bytes
      $0.doomed += held
    }
    noteEvicted([inode], bytes: bytes)
    return bytes
  }

  /// Evicts what was not used since `maximumAge`; once a second.
  func evictAged() {
    guard let age = configuration.maximumAge, age < .infinite else { return }
    let limit = WallTime(milliseconds: time.now().milliseconds - age.milliseconds)
    while case let rows = index.unused(before: limit, limit: EvictionPolicy.batch), !rows.isEmpty {
      var released: [Body] = []
      let victims = table.withLock { table in rows.filter { table.leave($0.inode, release: &released) } }
      released = []
      guard !victims.isEmpty else { return }
      remove(victims.map(\.inode))
    }
  }

  /// The index's files changed: what they take comes first.
  func measureIndex() {
    let bytes = index.allocatedBytes()
    let excess = ledger.withLock { ledger in
      ledger.index = bytes
      return ledger.excess
    }
    if excess > 0 { kickHousekeeping() }
  }
}
