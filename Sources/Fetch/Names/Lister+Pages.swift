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
      switch result {
      case .success(let page): arrived(page, run, asked)
      // 404 of a bucket is a set-up gone wrong; of a directory of a plain store, it is empty.
      case .failure(let error) where error.kind == .notFound && run.directory.inode != .root && token == nil:
        arrived(ListPage(), run, asked)
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
        }
        let woken = (run.wakers, run.openers, run.readers == 0 && run.pages >= run.unreadPages)
        run.wakers = []
        run.openers = []
        return woken
      }
      for opener in openers { opener(nil) }
      for waker in wakers { waker() }
      guard let next else { return counters.count(.listingsCompleted) }
      if isUnread, openers.isEmpty { return end(run, .interrupted) }
      askPage(run, next)
    }
  }

  /// Whether the names are where the readers will find them.
  private func add(
    _ entries: [(EntryName, Entry.Kind)], to run: ListingRun, isLast: Bool, _ asked: WallTime
  ) -> Bool {
    let (isFirst, isInMemory) = state.withLock { _ in (run.pages == 0, run.memory != nil) }
    if !isInMemory {
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
  private func end(_ run: ListingRun, _ failure: FetchFailure) {
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
      [("key", "\(run.directory.key)")] + FetchFailure.fields(of: error))
  }

  // MARK: Readers

  func next(
    _ stream: ListingStream, after cursor: Int64, limit: Int,
    _ answer: @escaping @Sendable (Result<[ListedName], FetchFailure>) -> Void
  ) -> (any PendingName)? {
    switch stream.source {
    case .known:
      answer(.success(known(stream.directory.inode, after: cursor, limit: limit)))
    case .complete(let id):
      let names = names(id, after: cursor, limit: limit)
      answer(isCut(stream) ? .failure(Self.replaced(stream)) : .success(names))
    case .run(let run):
      let waiter = PendingAnswer(interruption: Result<[ListedName], FetchFailure>.failure(.interrupted), answer)
      advance(stream, run, after: cursor, limit: limit, waiter)
      return waiter.isOver ? nil : waiter
    }
    return nil
  }

  /// Asked after a reading: what was read before a cut was whole.
  private func isCut(_ stream: ListingStream) -> Bool {
    let isCut = state.withLock { $0.streams[ObjectIdentifier(stream)]?.isCut ?? true }
    if isCut {
      resolver.log.warning(
        "a directory was listed anew twice while it was being read", [("key", "\(stream.directory.key)")])
    }
    return isCut
  }

  private func advance(
    _ stream: ListingStream, _ run: ListingRun, after cursor: Int64, limit: Int,
    _ waiter: PendingAnswer<Result<[ListedName], FetchFailure>>
  ) {
    while !waiter.isOver {
      let (status, pages, isInMemory) = state.withLock { _ in (run.status, run.pages, run.memory != nil) }
      if case .failed(let failure) = status {
        waiter(.failure(failure))
        return
      }
      let names = names(run, after: cursor, limit: limit)
      if !isInMemory, isCut(stream) {
        waiter(.failure(Self.replaced(stream)))
        return
      }
      let isAtEnd = if case .complete = status { true } else { false }
      if !names.isEmpty || isAtEnd {
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

  private func names(_ run: ListingRun, after cursor: Int64, limit: Int) -> [ListedName] {
    let memory = state.withLock { _ in
      run.memory.map { Array($0.dropFirst(Int(max(0, cursor))).prefix(limit)) }
    }
    return memory ?? names(run.id, after: cursor, limit: limit)
  }

  private func names(_ id: ListingID, after cursor: Int64, limit: Int) -> [ListedName] {
    index.entries(of: id, after: cursor, limit: limit).map {
      ListedName(cursor: $0.cursor, name: $0.name, entry: $0.entry)
    }
  }

  private func known(_ directory: InodeNumber, after cursor: Int64, limit: Int) -> [ListedName] {
    index.knownEntries(of: directory, after: cursor, limit: limit).map {
      ListedName(cursor: $0.cursor, name: $0.name, entry: $0.entry)
    }
  }

  private static func replaced(_ stream: ListingStream) -> FetchFailure {
    .unavailable(StoreError(.unavailable, "\(stream.directory.key) was listed anew twice while it was being read"))
  }
}
