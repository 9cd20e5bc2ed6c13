import Cache
package import Objects
import Synchronization

/// One name of a listing.
package struct ListedName: Sendable {
  /// Where the next batch goes on; positive and growing.
  package var cursor: Int64
  package var name: EntryName
  package var entry: Entry
}

/// Tells one listing of a directory from another.
package struct ListingIdentity: Hashable, Sendable {
  let id: ListingID
}

/// A reader of one listing, complete or on its way. Close it, or let it go.
package final class ListingStream: Sendable {
  enum Source {
    case complete(ListingID)
    case run(ListingRun)
  }

  package let directory: DirectoryReference
  let source: Source
  private let lister: Lister
  private let isClosed = Atomic<Bool>(false)

  init(_ directory: DirectoryReference, _ source: Source, _ lister: Lister) {
    self.directory = directory
    self.source = source
    self.lister = lister
  }

  /// Which listing it is: two streams of one listing show the same at the same cursors. nil where that is not so.
  package var identity: ListingIdentity? {
    switch source {
    case .complete(let id): ListingIdentity(id: id)
    case .run(let run): lister.isListing(run) ? ListingIdentity(id: run.id) : nil
    }
  }

  /// The names after the cursor (0 begins), at most `limit`; none at the end. Where the listing is on its way and all
  /// that came is shown, the answer waits for the next page. A listing that fails, fails here.
  package func next(
    after cursor: Int64, limit: Int, _ answer: @escaping @Sendable (Result<[ListedName], FetchFailure>) -> Void
  ) -> (any PendingName)? {
    lister.next(self, after: cursor, limit: limit, answer)
  }

  package func close() {
    if !isClosed.exchange(true, ordering: .relaxed) { lister.close(self) }
  }

  /// One that nobody waited for any more.
  deinit { close() }
}
