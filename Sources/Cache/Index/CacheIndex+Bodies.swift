import Glibc
import Objects
import Platform

/// Rows of bodies. Byte totals follow the rows under the same lock; callers pass the returned differences to the
/// `Ledger`.
extension CacheIndex {
  func body(of inode: InodeNumber) -> BodyRow? {
    perform(nil) { _, database throws(SQLiteCode) in try database.body(of: inode) }
  }

  func segment(_ number: Int64, of inode: InodeNumber) -> SegmentRow? {
    perform(nil) { _, database throws(SQLiteCode) in try database.segment(number, of: inode) }
  }

  func segments(of inode: InodeNumber, after: Int64, limit: Int) -> [(Int64, SegmentRow)] {
    perform([]) { _, database throws(SQLiteCode) in
      try database.segments(of: inode, after: after, limit: limit)
    }
  }

  /// Adds blocks that are in the file now, and settles what the file has allocated. The difference to its row, and
  /// the segments as they are now.
  /// `blocks`: presence bits and checksums by segment. `kept`: what the body is to keep, where that is known.
  func addBlocks(
    _ blocks: [Int64: (present: UInt64, checksums: [UInt32])], to file: OpenFile, of inode: InodeNumber, size: Int64,
    storageClass: StorageClass, kept: ByteRange?, at time: WallTime
  ) -> (difference: Int64, segments: [Int64: SegmentRow]) {
    perform((0, [:])) { _, database throws(SQLiteCode) in
      var segments: [Int64: SegmentRow] = [:]
      for (number, added) in blocks {
        var row =
          try database.segment(number, of: inode)
          ?? SegmentRow(
            present: 0, isSuspect: false, checksums: [UInt32](repeating: 0, count: added.checksums.count))
        row.present |= added.present
        for index in row.checksums.indices where added.present >> UInt64(index) & 1 == 1 {
          row.checksums[index] = added.checksums[index]
        }
        try database.setSegment(number, of: inode, row)
        segments[number] = row
      }
      let known = try database.body(of: inode)
      var row: BodyRow
      if let known {
        row = known
      } else {
        row = BodyRow(
          inode: inode, storageClass: storageClass, size: size, allocated: 0, lastUse: time, hits: 0,
          digest: try database.digest(of: inode))
      }
      if let kept { row.kept = kept }
      let before = row.allocated
      if row.carries { row.allocated = (try? file.descriptor.status())?.allocatedBytes ?? before }
      if row.proof == .holds { row.proof = .none }
      if row.isTrimmed, Self.isMore(than: row, blocks, before: before) { row.fillsAgain(storageClass, at: time) }
      if row != known { try database.setBody(row) }
      return (row.allocated - before, segments)
    }
  }

  /// After a check: `bad` blocks are not present any more; where `isWhole`, the rest of the segment is trusted.
  func settle(_ number: Int64, of inode: InodeNumber, bad: UInt64, isWhole: Bool) {
    perform(()) { _, database throws(SQLiteCode) in
      guard var row = try database.segment(number, of: inode) else { return }
      row.present &= ~bad
      if isWhole { row.isSuspect = false }
      try database.setSegment(number, of: inode, row)
    }
  }

  /// The body's file is gone or not what it was: nothing of it is present. The difference in bytes.
  func forgetBlocks(of inode: InodeNumber) -> Int64 {
    perform(0) { _, database throws(SQLiteCode) in
      try database.removeSegments(of: inode)
      guard var row = try database.body(of: inode) else { return 0 }
      try database.leaveGroup(&row)
      let freed = row.allocated
      row.allocated = 0
      if row.proof == .holds { row.proof = .none }
      try database.setBody(row)
      return -freed
    }
  }

  /// Bodies that stay while rows were lost get theirs again; the sum of all rows.
  func registerAgain(_ rows: [BodyRow], keepingBlocks: Bool) -> Int64 {
    perform(0) { _, database throws(SQLiteCode) in
      for row in rows {
        // What it takes of the disk now is for the sweep to say, with those that share its file.
        if keepingBlocks, try database.body(of: row.inode) != nil { continue }
        if !keepingBlocks { try database.removeSegments(of: row.inode) }
        try database.setBody(row)
      }
      return database.totals.bodyBytes
    }
  }

  /// Sums the rows up anew: for the end of a sweep.
  func countBodies() {
    perform(()) { _, database throws(SQLiteCode) in try database.countBodies() }
  }

  /// Settles a body's allocated bytes with what the disk says; the difference.
  func correct(_ inode: InodeNumber, allocated: Int64) -> Int64 {
    perform(0) { _, database throws(SQLiteCode) in
      guard var row = try database.body(of: inode), row.carries, row.allocated != allocated else {
        return 0
      }
      let before = row.allocated
      row.allocated = allocated
      try database.setBody(row)
      return allocated - before
    }
  }

  /// Removes rows of bodies, committed, so that a body without a file is not expected after a crash; the bytes that no
  /// other row counts now.
  func removeBodies(_ inodes: [InodeNumber]) -> Int64 {
    perform(0) { _, database throws(SQLiteCode) in
      var freed: Int64 = 0
      for inode in inodes {
        guard var row = try database.body(of: inode) else {
          try database.removeBody(inode)
          continue
        }
        try database.leaveGroup(&row)
        try database.removeBody(inode)
        freed += row.allocated
      }
      return freed
    }
  }

  func setClass(_ storageClass: StorageClass, of inode: InodeNumber, onlyRaising: Bool) {
    perform(()) { _, database throws(SQLiteCode) in
      guard var row = try database.body(of: inode), row.storageClass != storageClass else { return }
      if onlyRaising, storageClass < row.storageClass { return }
      row.storageClass = storageClass
      try database.setBody(row)
    }
  }

  func touch(_ inodes: [InodeNumber], at time: WallTime) {
    perform(()) { _, database throws(SQLiteCode) in
      for inode in inodes {
        guard let row = try database.body(of: inode) else { continue }
        try database.setBody(EvictionPolicy.used(row, at: time))
      }
    }
  }

  /// And the bytes held by rank.
  func coldest(skipping: Int, limit: Int) -> (rows: [BodyRow], ranks: [Int64]) {
    perform(([], [])) { _, database throws(SQLiteCode) in
      (try database.coldest(skipping: skipping, limit: limit), database.bodyRanks)
    }
  }

  func unused(before time: WallTime, limit: Int) -> [BodyRow] {
    perform([]) { _, database throws(SQLiteCode) in
      var rows: [BodyRow] = []
      for rank in 0..<EvictionPolicy.rankCount where rows.count < limit {
        rows += try database.unused(rank: rank, before: time, limit: limit - rows.count)
      }
      return rows
    }
  }

  func bodies(after inode: InodeNumber, limit: Int) -> [BodyRow] {
    perform([]) { _, database throws(SQLiteCode) in try database.bodies(after: inode, limit: limit) }
  }

  /// Those of `inodes` that have no row.
  func withoutRow(_ inodes: [InodeNumber]) -> [InodeNumber] {
    perform([]) { _, database throws(SQLiteCode) in
      var found: [InodeNumber] = []
      for inode in inodes where try database.body(of: inode) == nil { found.append(inode) }
      return found
    }
  }

  /// Takes the protection from the coldest of what holds too much; called about once a second.
  func limitProtected(to limit: Int64) {
    perform(()) { _, database throws(SQLiteCode) in
      let ranks = database.bodyRanks
      try database.giveUpKept(EvictionPolicy.keptExcess(ranks: ranks, limit: limit))
      guard let rank = EvictionPolicy.overProtected(ranks: ranks, limit: limit) else { return }
      for var row in try database.unused(
        rank: rank, before: WallTime(milliseconds: .max), limit: EvictionPolicy.batch)
      {
        row.hits = 1
        try database.setBody(row)
      }
    }
  }

  /// Allocated bytes of bodies, and how many.
  func bodyTotals() -> (bytes: Int64, count: Int64) {
    perform((0, 0)) { _, database throws(SQLiteCode) in (database.totals.bodyBytes, database.totals.bodyCount) }
  }

  /// What fills had reserved when the last process stopped.
  func reservedBefore() -> Int64 {
    perform(0) { _, database throws(SQLiteCode) in database.totals.reserved }
  }

  /// One step of the removal of what was below vanished directories; whether there is more.
  func clearGone() -> Bool {
    perform(false) { _, database throws(SQLiteCode) in try database.clearGone(limit: 512) }
  }
}
