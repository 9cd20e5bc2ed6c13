import Objects
import Platform

/// Rows of bodies of which a part is kept: `BlockCache+Trim` says in which order.
extension CacheIndex {
  /// Notes what a body keeps, where it has a row; else that comes with its first blocks.
  func keep(_ kept: ByteRange, of inode: InodeNumber) {
    perform(()) { _, database throws(SQLiteCode) in
      guard var row = try database.body(of: inode), row.kept != kept else { return }
      row.kept = kept
      try database.setBody(row)
    }
  }

  /// Takes the presence of all but what is kept, committed. Those of which it was done, and what they keep: not of one
  /// that has not all of that.
  func beginTrim(_ inodes: [InodeNumber]) -> [InodeNumber: ByteRange] {
    perform([:]) { guarded, database throws(SQLiteCode) in
      var begun: [InodeNumber: ByteRange] = [:]
      for inode in inodes {
        guard var row = try database.body(of: inode), EvictionPolicy.canBeTrimmed(row), let kept = row.kept,
          try database.keepOnly(kept, of: inode)
        else { continue }
        if row.proof == .holds {
          row.proof = .none
          try database.setBody(row)
        }
        begun[inode] = kept
      }
      if !begun.isEmpty { try commit(&guarded, database) }
      return begun
    }
  }

  /// What the files of trimmed bodies take now; the difference.
  func endTrim(_ allocated: [InodeNumber: Int64]) -> Int64 {
    perform(0) { _, database throws(SQLiteCode) in
      var difference: Int64 = 0
      for (inode, bytes) in allocated {
        guard var row = try database.body(of: inode) else { continue }
        difference += bytes - row.allocated
        row.allocated = bytes
        row.storageClass = .metadata
        // What was used again were its chunks.
        row.hits = min(row.hits, 1)
        try database.setBody(row)
      }
      return difference
    }
  }

  /// Whether a fill brought a trimmed body more than it keeps: blocks, or what is left of one that is not whole.
  static func isMore(
    than row: BodyRow, _ blocks: [Int64: (present: UInt64, checksums: [UInt32])], before: Int64
  ) -> Bool {
    guard let kept = row.kept else { return false }
    return row.allocated > max(before, row.keptBytes)
      || blocks.contains { $1.present & ~BodySegment.mask(kept, in: $0) != 0 }
  }
}

extension BodyRow {
  /// A trimmed body has bytes of chunks again, which are used for the first time.
  mutating func fillsAgain(_ storageClass: StorageClass, at time: WallTime) {
    self.storageClass = min(storageClass, .coordinate)
    hits = min(hits, 1)
    lastUse = max(lastUse, time)
  }
}

extension IndexDatabase {
  /// Leaves a body no other blocks than these. False, and nothing changed: it does not have all of them.
  fileprivate func keepOnly(_ kept: ByteRange, of inode: InodeNumber) throws(SQLiteCode) -> Bool {
    let numbers = BodySegment.numbers(kept)
    var segments: [Int64: SegmentRow] = [:]
    for number in numbers {
      let mask = BodySegment.mask(kept, in: number)
      guard var segment = try segment(number, of: inode), segment.present & mask == mask else { return false }
      segment.present = mask
      segments[number] = segment
    }
    try write()
    let delete = try connection.statement("DELETE FROM segment WHERE inode = ? AND (number < ? OR number > ?)")
    delete.bind(1, bits: inode.rawValue)
    delete.bind(2, numbers.lowerBound)
    delete.bind(3, numbers.upperBound)
    try delete.run()
    for (number, segment) in segments { try setSegment(number, of: inode, segment) }
    return true
  }

  /// Ranks the coldest trimmed bodies with the chunks, as far as they hold `excess` bytes: they go whole, and first.
  func giveUpKept(_ excess: Int64) throws(SQLiteCode) {
    var excess = excess
    guard excess > 0 else { return }
    for var row in try trimmed(limit: EvictionPolicy.batch) where excess > 0 {
      excess -= row.allocated
      row.storageClass = .chunk
      try setBody(row)
    }
  }

  /// Longest unused first.
  private func trimmed(limit: Int) throws(SQLiteCode) -> [BodyRow] {
    var rows: [BodyRow] = []
    for rank in EvictionPolicy.rank(.metadata, hits: 0)..<EvictionPolicy.rankCount where rows.count < limit {
      let query = try connection.statement(
        """
        SELECT * FROM body
        WHERE rank = ? AND kept_to > 0 ORDER BY last_use LIMIT ?
        """)
      query.bind(1, rank)
      query.bind(2, limit - rows.count)
      while try query.step() { rows.append(Self.body(query)) }
    }
    return rows
  }
}
