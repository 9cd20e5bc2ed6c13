package import Cache
package import ObjectStorage
package import Objects
package import Platform

/// The one door of the file system: names through the resolver and the lister, bytes through the fetcher, and the
/// cache's own numbers. Nothing above knows the cache or the store.
package final class NameSpace: Sendable {
  package let configuration: NamesConfiguration
  package let counters = NameCounters()
  package let time: any TimeSource
  private let resolver: Resolver
  private let lister: Lister
  let cache: BlockCache
  let fetcher: Fetcher
  private let oracle: any NameOracle
  private let aheadFetcher: AheadFetcher
  private let deadlines: Deadlines

  /// `store` retries already and has the deadline. Throws when no thread can be had.
  package init(
    store: any ObjectStore, cache: BlockCache, fetcher: Fetcher, oracle: any NameOracle = SilentOracle(),
    configuration: NamesConfiguration, time: any TimeSource, log: Log
  ) throws(Errno) {
    self.configuration = configuration
    self.time = time
    self.cache = cache
    self.fetcher = fetcher
    self.oracle = oracle
    deadlines = try Deadlines(time: time)
    resolver = Resolver(
      store: store, index: cache.index, fetcher: fetcher, oracle: oracle, configuration: configuration, time: time,
      log: log, counters: counters, deadlines: deadlines)
    let paths = DirectoryPaths(index: cache.index, oracle: oracle, time: time)
    let surveyor = Surveyor(resolver: resolver, fetcher: fetcher, oracle: oracle, paths: paths)
    lister = Lister(store: store, index: cache.index, resolver: resolver, surveyor: surveyor)
    aheadFetcher = AheadFetcher(
      store: store, index: cache.index, resolver: resolver, lister: lister, oracle: oracle, paths: paths)
    fetcher.setFateHook { [weak oracle] in oracle?.note($0, of: $1, inner: $2) }
  }

  /// Nobody is served stale for impatience any more. The store, the fetcher and the cache are their owner's to close.
  package func close() { deadlines.stop() }

  // MARK: Names

  package func lookup(
    _ name: EntryName, in directory: DirectoryReference, _ answer: @escaping @Sendable (Resolution) -> Void
  ) -> (any PendingName)? {
    resolver.resolve(
      name, in: directory, followUp: { aheadFetcher.fetch($0, from: directory) }, answer)
  }

  package func openListing(
    of directory: DirectoryReference, _ answer: @escaping @Sendable (Result<ListingStream, FetchFailure>) -> Void
  ) -> (any PendingName)? {
    lister.open(directory, answer)
  }

  /// The first page of the root, asked for at `asked`. Only its directories are kept: a program that finds its store
  /// needs no request then, and a file that is replaced after the mount is still asked for.
  package func note(rootPage page: ListPage, at asked: WallTime) {
    var plan = ListPlan(prefix: .root)
    guard case .add(let entries, _) = plan.page(page) else { return }
    let directories = entries.filter { $0.1 == .directory }
    if !directories.isEmpty { _ = cache.index.record(directories, in: .root, at: asked) }
  }

  package func location(of inode: InodeNumber) -> (directory: InodeNumber, name: EntryName, entry: Entry)? {
    cache.index.location(of: inode)
  }

  /// How long the entry may still be believed: zero when it is stale.
  package func validity(of entry: Entry) -> Interval {
    configuration.freshness(at: time.now()).remaining(of: entry) ?? .zero
  }

  /// The remote denied what the index says of the name: the next lookup asks, however young the answer is.
  package func expire(_ name: EntryName, in directory: InodeNumber, _ inode: InodeNumber) {
    resolver.expire(name, in: directory, inode)
  }

  /// For `stats`: `works`, `refused` (learned: the remote forbids it or knows none) or `none` (plain HTTP).
  package var listing: String { !resolver.store.canList ? "none" : resolver.lists ? "works" : "refused" }

  // MARK: Bytes

  package func read(
    _ object: ObjectReference, _ range: ByteRange, scratch: UnsafeMutableRawBufferPointer,
    _ answer: @escaping @Sendable (Result<UnsafeRawBufferPointer, FetchFailure>) -> Void
  ) -> (any PendingRead)? {
    var object = object
    if object.version.size > PartialReading.smallest { object.parts = oracle.partialReading(of: object.key) }
    let pending = fetcher.read(object, range, scratch: scratch, answer)
    // After the answer, or while it waits.
    if object.parts != nil {
      if let begun = fetcher.innerChunk(begunBy: range, of: object) {
        follow(oracle.noteRead(object.key, inner: begun), object)
      }
    } else if range.lowerBound == 0, object.class != .metadata {
      follow(oracle.noteRead(object.key), object)
    }
    return pending
  }

  private func follow(_ ahead: [Ahead], _ object: ObjectReference) {
    guard !ahead.isEmpty, let place = location(of: object.inode) else { return }
    aheadFetcher.fetch(ahead, from: DirectoryReference(inode: place.directory, key: object.key.directory))
  }

  /// A metadata document is being read: what follows from it is learnt, from its bytes as the cache now has them.
  package func noteDocument(_ object: ObjectReference) {
    resolver.learn(object) { [self] ahead in
      if let ahead { follow(ahead, object) }
    }
  }

  package func cachedBytes(of inode: InodeNumber) -> Int64 { cache.cachedBytes(of: inode) }
}
