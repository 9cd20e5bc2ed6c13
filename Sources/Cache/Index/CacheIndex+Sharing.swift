import Objects
import Platform

/// Rows of bodies that share a file (docs/decisions/009).
extension CacheIndex {
  /// Bodies of the size whose object's tag is the MD5 that this object has for a tag; those proven to have it first.
  func twins(of inode: InodeNumber, size: Int64) -> [BodyRow] {
    perform([]) { _, database throws(SQLiteCode) in
      guard let digest = try database.digest(of: inode) else { return [] }
      return try database.bodies(of: digest, size: size, besides: inode)
    }
  }

  /// What hashing the whole body showed.
  func setProof(_ proof: BodyRow.Proof, of inode: InodeNumber) {
    perform(()) { _, database throws(SQLiteCode) in
      guard var row = try database.body(of: inode) else { return }
      row.proof = proof
      try database.setBody(row)
    }
  }

  /// A new body has the file of another from now on, whole and proven. False, and nothing changed: it is not so any more.
  func share(
    _ inode: InodeNumber, _ storageClass: StorageClass, fileOf twin: InodeNumber, at time: WallTime
  ) -> Bool {
    perform(false) { guarded, database throws(SQLiteCode) in
      guard var other = try database.body(of: twin), other.proof == .holds, try database.body(of: inode) == nil else {
        return false
      }
      let segments = try database.segments(of: twin, after: -1, limit: .max)
      let present = segments.reduce(0) { $0 + BodySegment.bytes($1.1.present, in: $1.0, size: other.size) }
      guard present == other.size else { return false }
      if other.group == 0 {
        other.group = guarded.counter.take()
        try database.setBody(other)
      }
      try database.setBody(
        BodyRow(
          inode: inode, storageClass: storageClass, size: other.size, allocated: 0, lastUse: time, hits: 0,
          digest: other.digest, proof: .holds, group: other.group, carries: false))
      for (number, segment) in segments { try database.setSegment(number, of: inode, segment) }
      return true
    }
  }
}

extension IndexDatabase {
  /// The MD5 that the tag of an object tells; nil where it tells none, or the index has not the object (any more).
  func digest(of inode: InodeNumber) throws(SQLiteCode) -> [UInt8]? {
    let query = try connection.statement("SELECT etag FROM entry WHERE inode = ? AND kind = 1")
    query.bind(1, bits: inode.rawValue)
    guard try query.step(), let text = query.text(0) else { return nil }
    return EntityTag(text).digest
  }

  fileprivate func bodies(
    of digest: [UInt8], size: Int64, besides inode: InodeNumber
  ) throws(SQLiteCode) -> [BodyRow] {
    let query = try connection.statement(
      """
      SELECT * FROM body
      WHERE digest = ? AND size = ? AND inode != ? AND proof != 2 ORDER BY proof DESC LIMIT 4
      """)
    query.bind(1, digest)
    query.bind(2, size)
    query.bind(3, bits: inode.rawValue)
    var rows: [BodyRow] = []
    while try query.step() { rows.append(Self.body(query)) }
    return rows
  }

  /// Takes a row, which the caller then writes or removes, out of its group. Where it carried the file's bytes, another
  /// member carries them on, and the row has none.
  func leaveGroup(_ row: inout BodyRow) throws(SQLiteCode) {
    guard row.group != 0 else { return }
    if row.carries, var heir = try member(of: row.group, besides: row.inode) {
      heir.carries = true
      heir.allocated = row.allocated
      try setBody(heir)
      row.allocated = 0
    }
    row.group = 0
    row.carries = true
  }

  private func member(of group: UInt64, besides inode: InodeNumber) throws(SQLiteCode) -> BodyRow? {
    let query = try connection.statement(
      """
      SELECT * FROM body
      WHERE share = ?1 AND share != 0 AND inode != ?2 LIMIT 1
      """)
    query.bind(1, bits: group)
    query.bind(2, bits: inode.rawValue)
    return try query.step() ? Self.body(query) : nil
  }
}
