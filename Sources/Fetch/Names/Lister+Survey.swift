import Cache
import ObjectStorage
import Objects
import Platform

/// Directories of a remote that does not list.
extension Lister {
  func begin(_ run: ListingRun) {
    // What is not asked for because of `--offline` is the survey's to know.
    if resolver.beginsListing() { askPage(run, nil) } else { survey(run, nil) }
  }

  /// `refusal`: what a LIST was answered.
  func survey(_ run: ListingRun, _ refusal: StoreError?) {
    // Nobody waits for what was only fetched ahead.
    let isWanted = state.withLock { _ in run.readers > 0 || !run.openers.isEmpty }
    if let refusal, !isWanted { return end(run, .forbidden(refusal)) }
    surveyor.survey(run.directory) { [self] result in
      switch result {
      case .failure(.forbidden(let error)): end(run, .forbidden(refusal ?? error))
      case .failure(let failure): end(run, failure)
      case .success(let finding):
        // Of a bucket, nothing known is no empty directory: its names are kept from us.
        if finding.isEmpty, store.canList, index.knownEntries(of: run.directory.inode, after: 0, limit: 1).isEmpty {
          return end(run, .forbidden(refusal ?? Self.unlisted(run)))
        }
        complete(run, finding)
      }
    }
  }

  private static func unlisted(_ run: ListingRun) -> StoreError {
    StoreError(.forbidden, "\(run.directory.key) may not be listed, and no Zarr document in it says what it holds")
  }

  private func complete(_ run: ListingRun, _ finding: Surveyor.Finding) {
    index.abandonListing(run.id)
    let (wakers, openers) = state.withLock { state in
      run.hidden = finding.hidden
      run.pages += 1
      run.status = .complete
      state.runs[run.directory.inode] = nil
      let woken = (run.wakers, run.openers)
      run.wakers = []
      run.openers = []
      return woken
    }
    for opener in openers { opener(nil) }
    for waker in wakers { waker() }
  }

  /// What the index knows, in the order of inode numbers; as many as there are, so that fewer than `limit` is the end.
  func known(
    _ directory: InodeNumber, but hidden: Set<EntryName>, after cursor: Int64, limit: Int
  ) -> [ListedName] {
    var names: [ListedName] = []
    var cursor = cursor
    while names.count < limit {
      let found = index.knownEntries(of: directory, after: cursor, limit: limit)
      for item in found where names.count < limit {
        cursor = item.cursor
        if item.entry.kind == .directory, hidden.contains(item.name) { continue }
        names.append(ListedName(cursor: item.cursor, name: item.name, entry: item.entry))
      }
      if found.count < limit { break }
    }
    return names
  }
}
