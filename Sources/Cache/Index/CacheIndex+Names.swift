package import Objects
package import Platform

extension CacheIndex {
  /// Documents longer than this are left to the bodies.
  package static let documentLimit = 1 << 20

  /// What is known of a name, and when the last complete listing of its directory was begun (nil: there is none). Whether
  /// they are fresh is for the caller to say; without an entry, a fresh complete listing says that the name is absent.
  ///
  /// Both at one moment: an entry looked for before a listing ends, and the listing after, would make an absence of
  /// every name that it brings (promise 2).
  package func known(_ name: EntryName, in directory: InodeNumber) -> (entry: Entry?, listed: WallTime?) {
    perform((nil, nil)) { _, database throws(SQLiteCode) in
      let entry = try database.entry(name, in: directory)
      // What is there needs no listing: one query for a hit.
      if let entry, entry.kind != .absent { return (entry, nil) }
      return (entry, try database.listing(of: directory)?.completed)
    }
  }

  /// What is known of a name; nil if nothing. Never an absence: see `known`.
  package func entry(_ name: EntryName, in directory: InodeNumber) -> Entry? {
    perform(nil) { _, database throws(SQLiteCode) in try database.entry(name, in: directory) }
  }

  /// Where an inode is; nil for the root, for old versions, and for names that are gone.
  package func location(of inode: InodeNumber) -> (directory: InodeNumber, name: EntryName, entry: Entry)? {
    perform(nil) { _, database throws(SQLiteCode) in try database.location(of: inode) }
  }

  /// Remembers what the remote said of a name. The same version as stored (or still a directory) keeps its inode
  /// number and becomes fresh; anything else gets a new number.
  @discardableResult
  package func record(
    _ kind: Entry.Kind, for name: EntryName, in directory: InodeNumber, at time: WallTime
  ) -> Entry {
    perform(unrecorded(kind, at: time)) { guarded, database throws(SQLiteCode) in
      try database.record(kind, for: name, in: directory, at: time, now: self.time.now()) { guarded.counter.take() }
    }
  }

  /// As `record`, for many names under one lock; entries in the order of `batch`.
  @discardableResult
  package func record(
    _ batch: [(EntryName, Entry.Kind)], in directory: InodeNumber, at time: WallTime
  ) -> [Entry] {
    let now = self.time.now()
    return perform(batch.map { unrecorded($0.1, at: time) }) { guarded, database throws(SQLiteCode) in
      var entries: [Entry] = []
      entries.reserveCapacity(batch.count)
      for (name, kind) in batch {
        entries.append(
          try database.record(kind, for: name, in: directory, at: time, now: now) { guarded.counter.take() })
      }
      return entries
    }
  }

  /// What could not be written gets a number all the same: it lives as long as its caller remembers it.
  private func unrecorded(_ kind: Entry.Kind, at time: WallTime) -> Entry {
    let number = state.withLock { $0.counter.take() }
    return Entry(inode: InodeNumber(number), kind: kind, validated: time.milliseconds)
  }

  /// The bytes of a small document (metadata), if they were kept.
  package func document(of inode: InodeNumber) -> [UInt8]? {
    perform(nil) { _, database throws(SQLiteCode) in try database.document(of: inode) }
  }

  /// Keeps a document of at most `documentLimit` bytes; it goes when its version goes.
  package func setDocument(_ bytes: [UInt8], of inode: InodeNumber) {
    guard bytes.count <= Self.documentLimit else { return }
    perform(()) { _, database throws(SQLiteCode) in try database.setDocument(bytes, of: inode) }
  }
}
