import Cache
import ObjectStorage
import Objects
import Platform
import Zarr

/// Finds out what a name is: from the index, from a listing, or from the remote, which is asked once for all who wait.
///
/// The decisions are `NameKnowledge`, `ResolvePlan` and `RemoteHealth`; this is the lock and the calls.
/// Retries and the deadline are the store's below: a question ends, at the latest after `--timeout`.
final class Resolver: Sendable {
  struct Place: Hashable {
    let directory: InodeNumber
    let name: EntryName
  }

  /// A name being asked about. Guarded by `state`.
  final class Inquiry: @unchecked Sendable {
    let place: Place
    let directory: DirectoryReference
    let fallback: Entry?
    /// When the first question went out: what comes back is at least as young.
    let asked: WallTime
    var plan: ResolvePlan
    var waiters: [PendingAnswer<Resolution>] = []
    var transfers: [any Transfer] = []
    var isOver = false
    /// Of a shard: what of it is to be fetched as well, before anybody reads it.
    var inner: InnerChunks?
    /// Asked before anybody wants to know.
    var isAhead = false

    init(
      _ place: Place, _ directory: DirectoryReference, fallback: Entry?, asked: WallTime, plan: ResolvePlan
    ) {
      self.place = place
      self.directory = directory
      self.fallback = fallback
      self.asked = asked
      self.plan = plan
    }

    var key: ObjectKey { directory.key.appending(place.name) }
  }

  struct State {
    var inquiries: [Place: Inquiry] = [:]
    /// A name that could not be found out is not asked again for a second: one reader looks it up several times, and
    /// each would wait for the whole deadline.
    var failures: [Place: (at: MonotonicTime, failure: FetchFailure)] = [:]
    var health = RemoteHealth()
    /// Versions of documents that the oracle was told of since the mount.
    var learned = LeastRecentlyUsed<InodeNumber, Void>(capacity: 8192)
    var listing: ListingAccess
  }

  let store: any ObjectStore
  let index: CacheIndex
  let fetcher: Fetcher
  let oracle: any NameOracle
  let configuration: NamesConfiguration
  let time: any TimeSource
  let log: Log
  let counters: NameCounters
  let deadlines: Deadlines
  let forbidden: ForbiddenJudge
  let state: Monitor<State>

  init(
    store: any ObjectStore, index: CacheIndex, fetcher: Fetcher, oracle: any NameOracle,
    configuration: NamesConfiguration, time: any TimeSource, log: Log, counters: NameCounters, deadlines: Deadlines
  ) {
    self.store = store
    self.index = index
    self.fetcher = fetcher
    self.oracle = oracle
    self.configuration = configuration
    self.time = time
    self.log = log
    self.counters = counters
    self.deadlines = deadlines
    forbidden = ForbiddenJudge(store: store, time: time, counters: counters)
    state = Monitor(
      State(listing: ListingAccess(configuration.listing, at: time.monotonic())))
  }

  /// Answers on this stack and returns nil where the answer is near; else later, once.
  /// `followUp` is told what is worth fetching besides, after the name's own question went out.
  func resolve(
    _ name: EntryName, in directory: DirectoryReference, followUp: ([Ahead]) -> Void = { _ in },
    _ answer: @escaping @Sendable (Resolution) -> Void
  ) -> (any PendingName)? {
    counters.count(.lookups)
    return find(name, in: directory, followUp: followUp, answer)
  }

  func find(
    _ name: EntryName, in directory: DirectoryReference, followUp: ([Ahead]) -> Void = { _ in },
    _ answer: @escaping @Sendable (Resolution) -> Void
  ) -> (any PendingName)? {
    let (entry, listed) = index.known(name, in: directory.inode)
    let freshness = configuration.freshness(at: time.now())
    let decision = NameKnowledge(entry: entry, listed: listed).decide(freshness, isOffline: configuration.isOffline)
    switch decision {
    case .found(let entry, let valid, let isStale):
      near(.found(entry, valid: valid), isStale: isStale, answer)
      fetcher.noteFound(entry)
      return nil
    case .absent(let valid, let isStale):
      near(.absent(valid: valid), isStale: isStale, answer)
      return nil
    case .unknown:
      let error = StoreError(.unavailable, "offline, and \(directory.key.appending(name)) was never asked for")
      answer(.unknown(.unavailable(error)))
      return nil
    case .ask(let purpose, let fallback):
      if configuration.policy == .metadata, let entry, let witness = witness(of: name, in: directory, entry) {
        return consult(witness, for: Known(name: name, directory: directory, purpose: purpose, entry: entry), answer)
      }
      return ask(name, in: directory, purpose, fallback: fallback, followUp, answer)
    }
  }

  func near(_ resolution: Resolution, isStale: Bool, _ answer: @Sendable (Resolution) -> Void) {
    counters.count(.nearAnswers)
    if isStale { counters.count(.staleServed) }
    if case .absent = resolution { counters.count(.negativeAnswers) }
    answer(resolution)
  }

  /// What the grid says, before the network.
  func ask(
    _ name: EntryName, in directory: DirectoryReference, _ purpose: ResolvePlan.Purpose, fallback: Entry?,
    _ followUp: ([Ahead]) -> Void, _ answer: @escaping @Sendable (Resolution) -> Void
  ) -> (any PendingName)? {
    let now = time.now()
    // What is known to be there is not judged away; what exists by construction goes on doing so.
    var advice = purpose == .file ? Advice(.ask) : oracle.judge(name, in: directory)
    if purpose == .directory, advice.judgement != .directory { advice.judgement = .ask }
    let ahead = advice.ahead
    defer { if !ahead.isEmpty { followUp(ahead) } }
    var storageClass: StorageClass?
    var shard: ShardLayout?
    var purpose = purpose
    switch advice.judgement {
    case .ask: break
    case .askByGet(let found): storageClass = found
    case .askByIndex(let layout): (storageClass, shard) = (.chunk, layout)
    // As a file that is revalidated: HEAD, and only if there is none, whether it is a directory.
    case .askByHead: purpose = .file
    case .absent(let since):
      let freshness = Freshness(timeToLive: configuration.timeToLive, now: now)
      near(.absent(valid: freshness.remaining(validated: since) ?? .zero), isStale: false, answer)
      return nil
    case .directory:
      let entry = index.record(.directory, for: name, in: directory.inode, at: now)
      near(.found(entry, valid: configuration.timeToLive), isStale: false, answer)
      return nil
    }
    let plan = ResolvePlan(
      purpose: purpose, canList: lists, forbiddenMeansAbsent: configuration.missingForbidden == .yes)
    let inquiry = Inquiry(
      Place(directory: directory.inode, name: name), directory, fallback: fallback, asked: now, plan: plan)
    inquiry.inner = shard.map { InnerChunks($0, []) }
    return begin(inquiry, storageClass, answer)
  }

  enum Beginning {
    case start([ResolvePlan.Question], waits: Bool)
    /// To one under way; one that was fetched ahead now has a reader.
    case joined(isPromoted: Bool)
    case serveStale(Entry)
    case fail(FetchFailure)
  }

  private func begin(
    _ new: Inquiry, _ storageClass: StorageClass?, _ answer: @escaping @Sendable (Resolution) -> Void
  ) -> (any PendingName)? {
    let waiter = PendingAnswer(interruption: Resolution.unknown(.interrupted), answer)
    let now = time.monotonic()
    let stale = servable(new)
    let beginning = state.withLock { $0.begin(new, storageClass, waiter, stale: stale, now, configuration) }
    switch beginning {
    case .start(let questions, let waits):
      if waits { schedulePatience(waiter, stale, now) }
      ask(questions, new)
      if let stale, !waits {
        serveStale(stale, to: [waiter])
        return nil
      }
      return waiter
    case .joined(let isPromoted):
      if isPromoted { fetcher.promote(new.key) }
      schedulePatience(waiter, stale, now)
      return waiter
    case .serveStale(let entry): serveStale(entry, to: [waiter])
    case .fail(let failure): waiter(.unknown(failure))
    }
    return nil
  }
}

extension Resolver.State {
  /// How the inquiry begins; only data moves here.
  mutating func begin(
    _ new: Resolver.Inquiry, _ storageClass: StorageClass?, _ waiter: PendingAnswer<Resolution>, stale: Entry?,
    _ now: MonotonicTime, _ configuration: NamesConfiguration
  ) -> Resolver.Beginning {
    let servesAtOnce = stale != nil && health.servesAtOnce
    if let stale, servesAtOnce, inquiries[new.place] != nil || !health.beginsProbe(at: now) {
      return .serveStale(stale)
    }
    if let recent = failures[new.place] {
      if now - recent.at < .seconds(1) { return .fail(recent.failure) }
      failures[new.place] = nil
    }
    if let running = inquiries[new.place] {
      running.waiters.removeAll { $0.isOver }
      running.waiters.append(waiter)
      defer { running.isAhead = false }
      return .joined(isPromoted: running.isAhead)
    }
    guard inquiries.count < configuration.maximumInquiries else {
      return .fail(.unavailable(StoreError(.unavailable, "too many names are being asked for at once")))
    }
    inquiries[new.place] = new
    if !servesAtOnce { new.waiters = [waiter] }
    let questions = storageClass.map { new.plan.beginWithGet($0) } ?? new.plan.begin()
    return .start(questions, waits: !servesAtOnce)
  }
}
