package import Objects
package import Platform

/// One listing of one directory, complete or on its way.
package struct ListingID: Hashable, Sendable {
  package let directory: InodeNumber
  /// The cursor before its first entry; no two listings share one.
  let base: Int64
}

/// A complete listing: every name that the directory had.
package struct Listing: Hashable, Sendable {
  package let id: ListingID
  /// When the remote finished saying so.
  package let completed: WallTime
}
