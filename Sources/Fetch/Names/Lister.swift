import Cache
import ObjectStorage
import Objects
import Platform

/// Lists directories: page after page into the index, one chain for a directory however many read it, readers woken
/// by each page. A listing is complete or failed as a whole; memory does not grow with it. Where the remote does not list,
/// a survey takes the place of the pages, and the index records no listing: what is not shown may exist.
final class Lister: Sendable {
  struct OpenStream {
    let directory: InodeNumber
    let listing: ListingID
    var isCut = false
    /// Cursor of the last name, once it was shown.
    var end: Int64?
    /// What is read in place of a listing that the index lost.
    var instead: ListingRun?
  }

  struct State {
    var runs: [InodeNumber: ListingRun] = [:]
    /// Of all directories: who saw the same number twice has missed no end of a listing between.
    var completions = 0
    /// Open streams, and whether the index has given up what they read.
    var streams: [ObjectIdentifier: OpenStream] = [:]
    var probed = RemoteHealth()
  }

  /// A listing that nobody reads any more goes on to its end, because lookups will be answered from it; not if it is
  /// longer than so many pages.
  static let unreadPages = 200
  /// So many names of one listing are held in memory where the index is broken; a longer listing then fails.
  static let namesInMemory = 500_000

  let store: any ObjectStore
  let index: CacheIndex
  let resolver: Resolver
  let surveyor: Surveyor
  let state = Monitor(State())

  var configuration: NamesConfiguration { resolver.configuration }
  var time: any TimeSource { resolver.time }
  var counters: NameCounters { resolver.counters }

  init(store: any ObjectStore, index: CacheIndex, resolver: Resolver, surveyor: Surveyor) {
    self.store = store
    self.index = index
    self.resolver = resolver
    self.surveyor = surveyor
  }

  /// A stream over the freshest listing that can be had. Waits only where a stale one is there and a newer one may not
  /// come.
  func open(
    _ directory: DirectoryReference, _ answer: @escaping @Sendable (Result<ListingStream, FetchFailure>) -> Void
  ) -> (any PendingName)? {
    let old = index.listing(of: directory.inode)
    let freshness = Freshness(timeToLive: configuration.timeToLive, now: time.now())
    if let old, freshness.remaining(validated: old.completed) != nil {
      answer(.success(stream(directory, old.id)))
      return nil
    }
    if configuration.isOffline, store.canList {
      if let old {
        counters.count(.staleServed)
        answer(.success(stream(directory, old.id)))
      } else {
        answer(.failure(.unavailable(StoreError(.unavailable, "offline, and \(directory.key) was never listed"))))
      }
      return nil
    }
    guard let old, configuration.servesStaleOnError, resolver.lists else {
      switch chain(for: directory) {
      case .complete(let id): answer(.success(stream(directory, id)))
      case .run(let run, let isNew):
        let stream = stream(directory, run)
        if isNew { begin(run) }
        answer(.success(stream))
      }
      return nil
    }
    return openStale(directory, old.id, answer)
  }

  /// Takes the names of a directory of one page, because its lookups will be answered from them. A longer one is left
  /// to its readers: `isLong`.
  func take(_ directory: DirectoryReference, isLong: @escaping @Sendable () -> Void) {
    guard resolver.lists, !configuration.isOffline else { return }
    let old = index.listing(of: directory.inode)
    let freshness = Freshness(timeToLive: configuration.timeToLive, now: time.now())
    if let old, freshness.remaining(validated: old.completed) != nil { return }
    guard case .run(let run, isNew: true) = chain(for: directory) else { return }
    state.withLock { _ in
      run.unreadPages = 1
      run.onBreakingOff = isLong
    }
    askPage(run, nil)
  }

  /// The old listing is served if the new one does not come, or breaks off at once.
  private func openStale(
    _ directory: DirectoryReference, _ old: ListingID,
    _ answer: @escaping @Sendable (Result<ListingStream, FetchFailure>) -> Void
  ) -> (any PendingName)? {
    let now = time.monotonic()
    let isDown = resolver.servesStaleAtOnce
    if isDown {
      let mayAsk = state.withLock { $0.runs[directory.inode] == nil && $0.probed.beginsProbe(at: now) }
      if mayAsk, case .run(let run, isNew: true) = chain(for: directory) { askPage(run, nil) }
      answer(.success(stale(directory, old)))
      return nil
    }
    let waiter = PendingAnswer(interruption: Result<ListingStream, FetchFailure>.failure(.interrupted), answer)
    let run: ListingRun
    let isNew: Bool
    switch chain(for: directory) {
    case .complete(let id):
      answer(.success(stream(directory, id)))
      return nil
    case .run(let found, let begins): (run, isNew) = (found, begins)
    }
    let hasBegun = state.withLock { _ -> Bool in
      if run.isUnderWay { return true }
      run.openers.append { [self] failure in
        if waiter.isOver { return }
        switch failure {
        case nil: waiter(.success(stream(directory, run)))
        case .forbidden(let error): waiter(.failure(.forbidden(error)))
        default: waiter(.success(stale(directory, old)))
        }
      }
      return false
    }
    if isNew { askPage(run, nil) }
    if hasBegun {
      waiter(.success(stream(directory, run)))
      return nil
    }
    resolver.deadlines.schedule(at: now + configuration.patience) { [weak self] in
      guard let self, !waiter.isOver else { return }
      resolver.noteHealth(isUp: false)
      waiter(.success(stale(directory, old)))
    }
    return waiter
  }

  private func stale(_ directory: DirectoryReference, _ old: ListingID) -> ListingStream {
    counters.count(.staleServed)
    resolver.noteStale()
    return stream(directory, old)
  }

  private func stream(_ directory: DirectoryReference, _ id: ListingID) -> ListingStream {
    register(ListingStream(directory, .complete(id), self), id)
  }

  private func stream(_ directory: DirectoryReference, _ run: ListingRun) -> ListingStream {
    state.withLock { _ in run.readers += 1 }
    return register(ListingStream(directory, .run(run), self), run.id)
  }

  private func register(_ stream: ListingStream, _ id: ListingID) -> ListingStream {
    state.withLock { $0.streams[ObjectIdentifier(stream)] = OpenStream(directory: stream.directory.inode, listing: id) }
    return stream
  }

  /// Whether the run is the index's own, and so the same for all who read it.
  func isListing(_ run: ListingRun) -> Bool { state.withLock { _ in run.memory == nil && run.hidden == nil } }

  func close(_ stream: ListingStream) {
    state.withLock { state in
      state.streams.removeValue(forKey: ObjectIdentifier(stream))?.instead?.readers -= 1
      if case .run(let run) = stream.source { run.readers -= 1 }
    }
  }

  /// What there is to read of a directory that was found stale.
  enum Chain {
    /// Another reader's, which ended meanwhile.
    case complete(ListingID)
    /// A new one is the caller's to begin.
    case run(ListingRun, isNew: Bool)
  }

  /// The chain that lists the directory. The index keeps what a chain shows and the complete listing before it; streams
  /// that read still older ones end with an error, not early. `isLost`: the index cannot show its complete listing.
  func chain(for directory: DirectoryReference, isLost: Bool = false) -> Chain {
    while true {
      let (running, completions) = state.withLock { ($0.runs[directory.inode], $0.completions) }
      if let running { return .run(running, isNew: false) }
      let run = ListingRun(directory, id: index.beginListing(of: directory.inode), began: time.now())
      let kept = index.listing(of: directory.inode)
      let freshness = Freshness(timeToLive: configuration.timeToLive, now: time.now())
      if !isLost, let kept, freshness.remaining(validated: kept.completed) != nil {
        index.abandonListing(run.id)
        return .complete(kept.id)
      }
      let isBegun = state.withLock { state -> Bool in
        // A listing that ended since was not seen by `beginListing`.
        guard state.runs[directory.inode] == nil, state.completions == completions else { return false }
        state.runs[directory.inode] = run
        for (stream, reading) in state.streams
        where reading.directory == directory.inode && reading.listing != kept?.id {
          state.streams[stream]?.isCut = true
        }
        return true
      }
      if isBegun { return .run(run, isNew: true) }
      index.abandonListing(run.id)
    }
  }
}
