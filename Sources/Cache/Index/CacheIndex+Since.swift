package import Objects
package import Platform

/// How long a version has been what the remote says: what was heard of another name later than that, was heard under it.
extension CacheIndex {
  /// When the version of this number was first heard of; nil where the index does not have it (any more).
  package func since(_ inode: InodeNumber) -> WallTime? {
    perform(nil) { _, database throws(SQLiteCode) in try database.since(inode) }
  }
}

extension IndexDatabase {
  /// An answer is dated by its question, as everywhere; but a question that was repeated for long, or answered late, says
  /// nothing of the time before its answer. A second is longer than an untroubled request takes.
  static func since(asked: WallTime, answered: WallTime) -> WallTime {
    answered - asked > .seconds(1) ? answered : asked
  }

  func since(_ inode: InodeNumber) throws(SQLiteCode) -> WallTime? {
    let query = try connection.statement("SELECT since FROM entry WHERE inode = ?")
    query.bind(1, bits: inode.rawValue)
    return try query.step() ? WallTime(milliseconds: query.int64(0)) : nil
  }
}
