import Cache
import ObjectStorage
import Objects
import Platform

/// The chain of pages, and its readers.
extension Lister {
  func askPage(_ run: ListingRun, _ token: String?) {
    counters.count(.listingPages)
    let asked = time.now()
    let request = ListRequest(prefix: run.directory.key, continuation: token)
    store.list(request) { [self] result in
      resolver.noteListing(result)
      switch result {
      case .success(let page): arrived(page, run, asked)
      // 404 of a bucket is a set-up gone wrong; of a directory of a plain store, it is empty.
      case .failure(let error) where error.kind == .notFound && run.directory.inode != .root && token == nil:
        arrived(ListPage(), run, asked)
      case .failure(let error) where token == nil && error.refusesListing: survey(run, error)
      case .failure(let error): end(run, FetchFailure(error))
      }
    }
  }

  private func arrived(_ page: ListPage, _ run: ListingRun, _ asked: WallTime) {
    resolver.noteHealth(isUp: true)
    let hiddenBefore = run.plan.hidden
    switch run.plan.page(page) {
    case .fail(let error): end(run, FetchFailure(error))
    case .add(let entries, let next):
      counters.count(.hiddenNames, run.plan.hidden - hiddenBefore)
      guard add(entries, to: run, isLast: next == nil, asked) else { return end(run, Self.unheld(run)) }
      let (wakers, openers, isUnread) = state.withLock { state in
        run.pages += 1
        if next == nil {
          run.status = .complete
          state.runs[run.directory.inode] = nil
          state.completions += 1
        }
        let isUnread = run.readers == 0 && run.openers.isEmpty && run.pages >= run.unreadPages
        let woken = (run.wakers, run.isUnderWay ? run.openers : [], isUnread)
        run.wakers = []
        if run.isUnderWay { run.openers = [] }
        return woken
      }
      for opener in openers { opener(nil) }
      for waker in wakers { waker() }
      guard let next else { return counters.count(.listingsCompleted) }
      if isUnread {
        end(run, .interrupted)
        run.onBreakingOff?()
        return
      }
      askPage(run, next)
    }
  }

  /// Whether the names are where the readers will find them.
  private func add(
    _ entries: [(EntryName, Entry.Kind)], to run: ListingRun, isLast: Bool, _ asked: WallTime
  ) -> Bool {
    let (isFirst, isInMemory) = state.withLock { _ in (run.pages == 0, run.memory != nil) }
    if !isInMemory, !isFirst || index.holdsListings {
      let isHeld =
        index.append(entries, to: run.id, at: asked) && (!isLast || index.finishListing(run.id, at: run.began))
      // Later, some names have been shown under other cursors.
      if isHeld || !isFirst { return isHeld }
    }
    let recorded = index.record(entries, in: run.directory.inode, at: asked)
    return state.withLock { _ in
      var memory = run.memory ?? []
      run.memory = nil
      guard memory.count + entries.count <= Self.namesInMemory else { return false }
      for (name, entry) in zip(entries, recorded) {
        memory.append(ListedName(cursor: Int64(memory.count + 1), name: name.0, entry: entry))
      }
      run.memory = memory
      return true
    }
  }

  private static func unheld(_ run: ListingRun) -> FetchFailure {
    .unavailable(StoreError(.unavailable, "the cache's index failed while \(run.directory.key) was listed; try again"))
  }

  /// The whole listing fails.
  func end(_ run: ListingRun, _ failure: FetchFailure) {
    index.abandonListing(run.id)
    let (wakers, openers) = state.withLock { state in
      run.status = .failed(failure)
      state.runs[run.directory.inode] = nil
      let woken = (run.wakers, run.openers)
      run.wakers = []
      run.openers = []
      return woken
    }
    switch failure {
    case .unavailable(let error):
      if error.kind != .rejected { resolver.noteHealth(isUp: false) }
      report(run, error)
    case .forbidden(let error), .notFound(let error): report(run, error)
    case .changed, .interrupted: break
    }
    for opener in openers { opener(failure) }
    for waker in wakers { waker() }
  }

  private func report(_ run: ListingRun, _ error: StoreError) {
    counters.count(.listingsFailed)
    resolver.log.warning(
      "a directory could not be listed",
      [("key", "\(run.directory.key)")] + error.fields)
  }

  // MARK: Readers

  func next(
    _ stream: ListingStream, after cursor: Int64, limit: Int,
    _ answer: @escaping @Sendable (Result<[ListedName], FetchFailure>) -> Void
  ) -> (any PendingName)? {
    let open = state.withLock { $0.streams[ObjectIdentifier(stream)] }
    if let end = open?.end, cursor >= end {
      answer(.success([]))
      return nil
    }
    if let run = open?.instead { return follow(run, of: stream, after: cursor, limit: limit, answer) }
    switch stream.source {
    case .complete(let id):
      let names = isCut(stream) ? nil : names(id, after: cursor, limit: limit)
      // Asked again after the reading: what was read before a cut was whole.
      guard let names, !isCut(stream) else {
        if cursor == 0 { return follow(listAgain(for: stream), of: stream, after: 0, limit: limit, answer) }
        answer(.failure(replaced(stream)))
        return nil
      }
      if names.count < limit { noteEnd(of: stream, names, after: cursor) }
      answer(.success(names))
    case .run(let run): return follow(run, of: stream, after: cursor, limit: limit, answer)
    }
    return nil
  }

  /// All was shown: the index need not be asked whether there is more, and may lose the listing.
  private func noteEnd(of stream: ListingStream, _ names: [ListedName], after cursor: Int64) {
    state.withLock { $0.streams[ObjectIdentifier(stream)]?.end = names.last?.cursor ?? cursor }
  }

  /// The index lost the listing, or gave it up for newer ones, before any of it was shown.
  private func listAgain(for stream: ListingStream) -> ListingRun {
    guard case .run(let run, let isNew) = chain(for: stream.directory, isLost: true) else {
      preconditionFailure("a lost listing is complete")
    }
    state.withLock { state in
      run.readers += 1
      state.streams[ObjectIdentifier(stream)] = OpenStream(
        directory: stream.directory.inode, listing: run.id, instead: run)
    }
    if isNew { begin(run) }
    return run
  }

  private func follow(
    _ run: ListingRun, of stream: ListingStream, after cursor: Int64, limit: Int,
    _ answer: @escaping @Sendable (Result<[ListedName], FetchFailure>) -> Void
  ) -> (any PendingName)? {
    let waiter = PendingAnswer(interruption: Result<[ListedName], FetchFailure>.failure(.interrupted), answer)
    advance(stream, run, after: cursor, limit: limit, waiter)
    return waiter.isOver ? nil : waiter
  }

  private func isCut(_ stream: ListingStream) -> Bool {
    state.withLock { $0.streams[ObjectIdentifier(stream)]?.isCut ?? true }
  }

  private func advance(
    _ stream: ListingStream, _ run: ListingRun, after cursor: Int64, limit: Int,
    _ waiter: PendingAnswer<Result<[ListedName], FetchFailure>>
  ) {
    while !waiter.isOver {
      let (status, pages, isOfIndex) = state.withLock { _ in
        (run.status, run.pages, run.memory == nil && run.hidden == nil)
      }
      if case .failed(let failure) = status {
        waiter(.failure(failure))
        return
      }
      let isAtEnd = if case .complete = status { true } else { false }
      let found = names(run, after: cursor, limit: limit)
      let isReplaced = isOfIndex && isCut(stream)
      // One on its way that the index lost goes through memory from its first page, or will fail with its next.
      guard let names = found ?? (isAtEnd ? nil : []), !isReplaced else {
        if isAtEnd, cursor == 0 { return advance(stream, listAgain(for: stream), after: 0, limit: limit, waiter) }
        waiter(.failure(isReplaced ? replaced(stream) : Self.unheld(run)))
        return
      }
      if !names.isEmpty || isAtEnd {
        if isAtEnd, names.count < limit { noteEnd(of: stream, names, after: cursor) }
        waiter(.success(names))
        return
      }
      let waits = state.withLock { _ -> Bool in
        guard case .running = run.status, run.pages == pages else { return false }
        run.wakers.append { [self] in advance(stream, run, after: cursor, limit: limit, waiter) }
        return true
      }
      if waits { return }
    }
  }

  private func names(_ run: ListingRun, after cursor: Int64, limit: Int) -> [ListedName]? {
    let (memory, hidden) = state.withLock { _ in
      (run.memory.map { Array($0.dropFirst(Int(max(0, cursor))).prefix(limit)) }, run.hidden)
    }
    if let hidden { return known(run.directory.inode, but: hidden, after: cursor, limit: limit) }
    return memory ?? names(run.id, after: cursor, limit: limit)
  }

  private func names(_ id: ListingID, after cursor: Int64, limit: Int) -> [ListedName]? {
    index.entries(of: id, after: cursor, limit: limit)?.map {
      ListedName(cursor: $0.cursor, name: $0.name, entry: $0.entry)
    }
  }

  private func replaced(_ stream: ListingStream) -> FetchFailure {
    resolver.log.warning(
      "a directory was listed anew twice while it was being read", [("key", "\(stream.directory.key)")])
    return .unavailable(
      StoreError(.unavailable, "\(stream.directory.key) was listed anew twice while it was being read"))
  }
}
