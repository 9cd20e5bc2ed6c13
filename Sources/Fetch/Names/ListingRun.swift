import Cache
import ObjectStorage
import Objects
import Platform

/// One directory being listed. All that varies is guarded by the lister's monitor, but for `plan`, which belongs to the
/// chain of pages: one is asked after the other.
final class ListingRun: @unchecked Sendable {
  enum Status { case running, complete, failed(FetchFailure) }

  let directory: DirectoryReference
  let id: ListingID
  /// When the first page was asked: what is absent from the whole is known to be so since then.
  let began: WallTime
  var plan: ListPlan
  var status = Status.running
  var pages = 0
  /// Readers that have shown all there is, to be woken by the next page.
  var wakers: [@Sendable () -> Void] = []
  /// Those who want to know whether the listing comes, because they have an old one.
  var openers: [@Sendable (FetchFailure?) -> Void] = []
  var readers = 0
  /// Without readers it ends after so many pages.
  var unreadPages = Lister.unreadPages
  /// Told when it ended for that.
  var onBreakingOff: (@Sendable () -> Void)?
  /// The names themselves, where the index cannot hold them (a broken cache): cursors are positions in it plus one.
  var memory: [ListedName]?
  /// Where the remote does not list: the names are those that the index knows, but for these directories.
  var hidden: Set<EntryName>?

  /// Whether it takes the place of an old one: a short listing when it is whole, a long one with its second page.
  var isUnderWay: Bool {
    if case .complete = status { return true }
    return pages >= 2
  }

  init(_ directory: DirectoryReference, id: ListingID, began: WallTime) {
    self.directory = directory
    self.id = id
    self.began = began
    plan = ListPlan(prefix: directory.key)
  }
}
