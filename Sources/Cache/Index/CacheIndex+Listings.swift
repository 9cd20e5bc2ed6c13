package import Objects
package import Platform

/// Listings, streamed: pages go in as they arrive and come out in that order, while the listing is still on its way.
/// Nothing of a listing is held in memory.
extension CacheIndex {
  /// Rows deleted under one lock: some milliseconds.
  private static let deletionStep = 512

  package func beginListing(of directory: InodeNumber) -> ListingID {
    let start = time.now()
    // Without a database, the listing is broken from the start, and its number still its own.
    let fallback = ListingID(directory: directory, base: -Int64(state.withLock { $0.counter.take() }))
    return perform(fallback) { guarded, database throws(SQLiteCode) in
      let complete = try database.listing(of: directory)?.last ?? 0
      let id = ListingID(directory: directory, base: database.nextCursor())
      guarded.listings[id] = OpenListing(start: start, complete: complete)
      return id
    }
  }

  /// False when the index cannot hold the listing: it will never be complete, and `entries(of:)` may have gaps.
  @discardableResult
  package func append(_ page: [(EntryName, Entry.Kind)], to id: ListingID, at time: WallTime) -> Bool {
    let now = self.time.now()
    return perform(false) { guarded, database throws(SQLiteCode) in
      guard let open = guarded.listings[id], !open.isBroken else { return false }
      for (name, kind) in page {
        let cursor = database.nextCursor()
        _ = try database.record(
          kind, for: name, in: id.directory, at: time, listed: cursor, complete: open.complete, now: now
        ) { guarded.counter.take() }
      }
      return true
    }
  }

  /// The listing is complete, and fresh from `time` on. Names that it did not show are gone, unless they were looked
  /// up one by one since it began. False when the index could not hold all of it.
  @discardableResult
  package func finishListing(_ id: ListingID, at time: WallTime) -> Bool {
    let start = perform(nil as WallTime?) { guarded, database throws(SQLiteCode) in
      guard let open = guarded.listings[id], !open.isBroken else { return nil }
      try database.setListing(id, completed: time)
      return open.start
    }
    state.withLock { $0.listings[id] = nil }
    guard let start else { return false }
    var isMore = true
    while isMore {
      isMore = perform(false) { _, database throws(SQLiteCode) in
        try database.removeUnlisted(id, start: start, limit: Self.deletionStep)
      }
    }
    return true
  }

  /// False for a while after a failure of the database: what it takes now may be rolled back.
  package var holdsListings: Bool {
    let now = time.monotonic()
    return state.withLock { $0.database != nil && isWell($0, now) }
  }

  package func abandonListing(_ id: ListingID) {
    state.withLock { $0.listings[id] = nil }
  }

  /// The last complete listing.
  package func listing(of directory: InodeNumber) -> Listing? {
    perform(nil) { _, database throws(SQLiteCode) in
      guard let stored = try database.listing(of: directory) else { return nil }
      return Listing(id: ListingID(directory: directory, base: stored.base), completed: stored.completed)
    }
  }

  /// The next entries of a listing after `cursor` (0 begins), in the order of their arrival; at most `limit`. Of a
  /// complete listing, of the complete one before it, or of one on its way (then: those that are in by now).
  /// nil: the index does not have the listing any more (it failed, or two newer ones came), which is no end of it.
  package func entries(
    of id: ListingID, after cursor: Int64, limit: Int
  ) -> [(cursor: Int64, name: EntryName, entry: Entry)]? {
    perform(nil) { guarded, database throws(SQLiteCode) in
      let stored = try database.listing(of: id.directory)
      let last: Int64
      if let stored, stored.base == id.base {
        last = stored.last
      } else if let stored, stored.oldBase == id.base {
        last = stored.oldLast
      } else if let open = guarded.listings[id], !open.isBroken {
        last = .max
      } else {
        return nil
      }
      return try database.entries(in: id.directory, after: max(cursor, id.base), last: last, limit: limit)
    }
  }
}
