import Cache
import ObjectStorage
import Objects
import Platform

/// Finding out and fetching before anybody asks.
extension Resolver {
  /// Fetches an object ahead of its reader: bytes where it is known to exist, else by the GET that finds out.
  /// `inner`: of a shard, no more than these.
  func fetchAhead(
    _ name: EntryName, in directory: DirectoryReference, _ storageClass: StorageClass, _ inner: InnerChunks? = nil
  ) {
    let key = directory.key.appending(name)
    let now = time.now()
    if let entry = index.entry(name, in: directory.inode) {
      let isFresh =
        configuration.freshness(at: now).remaining(of: entry) != nil || isVouchedFor(name, in: directory, entry)
      switch entry.kind {
      case .file(let version) where isFresh:
        var object = ObjectReference(inode: entry.inode, key: key, version: version, class: storageClass)
        guard let inner, version.size > PartialReading.smallest else {
          return fetcher.prefetch(object, 0..<version.size)
        }
        object.parts = .shard(inner.layout)
        return fetcher.prefetch(inner.numbers, of: object)
      case .absent where isFresh: return oracle.noteAbsent(key)
      // Its reader revalidates it, by a question of its own.
      case .file, .directory: return noteFailed(key, inner)
      case .absent: break
      }
    }
    guard !configuration.isOffline else { return noteFailed(key, inner) }
    let plan = ResolvePlan(
      purpose: .unknown, canList: lists, forbiddenMeansAbsent: configuration.missingForbidden == .yes)
    let place = Place(directory: directory.inode, name: name)
    let inquiry = Inquiry(place, directory, fallback: nil, asked: now, plan: plan)
    inquiry.isAhead = true
    inquiry.inner = inner
    let monotonic = time.monotonic()
    let begins = state.withLock { state -> Bool in
      if let running = state.inquiries[place] {
        // Whoever asks has the index brought; what is wanted besides goes along.
        if let inner { running.inner?.numbers += inner.numbers.prefix(Self.mostInner) }
        return false
      }
      guard state.inquiries.count < configuration.maximumInquiries / 2,
        state.failures[place].map({ monotonic - $0.at >= .seconds(1) }) ?? true
      else { return false }
      _ = inquiry.plan.beginWithGet(storageClass)
      state.inquiries[place] = inquiry
      return true
    }
    if begins { get(storageClass, .get(storageClass), inquiry, .prefetch) }
  }

  /// Of one piece of advice.
  private static var mostInner: Int { 64 }

  private func noteFailed(_ key: ObjectKey, _ inner: InnerChunks?) {
    oracle.noteFailed(key)
    if let inner { oracle.note(.failed, of: key, inner: inner.numbers) }
  }

  /// The shard is known, and its index on its way: fetches what was wanted of it ahead.
  func fetchInner(of object: ObjectReference, _ inquiry: Inquiry) {
    let numbers = state.withLock { _ in inquiry.inner?.numbers ?? [] }
    guard !numbers.isEmpty else { return }
    if object.version.size > PartialReading.smallest {
      fetcher.prefetch(numbers, of: object)
    } else {
      fetcher.prefetch(object, 0..<object.version.size)
    }
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
    if !hasReaders { noteFailed(inquiry.key, state.withLock { _ in inquiry.inner }) }
    return hasReaders
  }
}
