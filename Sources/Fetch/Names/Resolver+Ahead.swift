import Cache
import ObjectStorage
import Objects
import Platform

/// Finding out and fetching before anybody asks.
extension Resolver {
  /// Fetches an object ahead of its reader: bytes where it is known to exist, else by the GET that finds out.
  func fetchAhead(_ name: EntryName, in directory: DirectoryReference, _ storageClass: StorageClass) {
    let key = directory.key.appending(name)
    let now = time.now()
    if let entry = index.entry(name, in: directory.inode) {
      let isFresh =
        configuration.freshness(at: now).remaining(of: entry) != nil || isVouchedFor(name, in: directory, entry)
      switch entry.kind {
      case .file(let version) where isFresh:
        let object = ObjectReference(inode: entry.inode, key: key, version: version, class: storageClass)
        return fetcher.prefetch(object, 0..<version.size)
      case .absent where isFresh: return oracle.noteAbsent(key)
      // Its reader revalidates it, by a question of its own.
      case .file, .directory: return oracle.noteFailed(key)
      case .absent: break
      }
    }
    guard !configuration.isOffline else { return oracle.noteFailed(key) }
    let plan = ResolvePlan(
      purpose: .unknown, canList: lists, forbiddenMeansAbsent: configuration.missingForbidden == .yes)
    let place = Place(directory: directory.inode, name: name)
    let inquiry = Inquiry(place, directory, fallback: nil, asked: now, plan: plan)
    inquiry.isAhead = true
    let monotonic = time.monotonic()
    let begins = state.withLock { state -> Bool in
      guard state.inquiries[place] == nil, state.inquiries.count < configuration.maximumInquiries / 2,
        state.failures[place].map({ monotonic - $0.at >= .seconds(1) }) ?? true
      else { return false }
      _ = inquiry.plan.beginWithGet(storageClass)
      state.inquiries[place] = inquiry
      return true
    }
    if begins { get(storageClass, .get(storageClass), inquiry, .prefetch) }
  }

  /// What was fetched ahead failed. True: somebody waits for it by now, and has not been asked for: ask for them.
  func leave(_ inquiry: Inquiry) -> Bool {
    let hasReaders = state.withLock { state -> Bool in
      inquiry.waiters.removeAll { $0.isOver }
      if inquiry.waiters.isEmpty {
        inquiry.isOver = true
        state.inquiries[inquiry.place] = nil
        return false
      }
      inquiry.isAhead = false
      return true
    }
    if !hasReaders { oracle.noteFailed(inquiry.key) }
    return hasReaders
  }
}
