package import Cache
package import ObjectStorage
import Objects
package import Platform
import Synchronization

/// The one door to bytes: near if they are there, else fetched, once, however many ask.
///
/// A hit is answered on the caller's stack. A miss parks the answer: the store's thread gives it as soon as the READ's
/// own bytes are in (design.md section 7). The decisions are pure machines (`FetchTable`, `FetchBudget`, `RangePlanner`,
/// `ReadAheadPlanner`, `WindowCache`) under one lock, which is never held across the cache, the store, or an answer.
///
/// Bytes come from the cache's `Body`, and while they arrive from its `Fill`. What the cache cannot hold (full disk, large
/// object) goes through memory, and its last windows are kept there for a moment.
package final class Fetcher: Sendable {
  let store: any ObjectStore
  let cache: BlockCache
  let configuration: FetchConfiguration
  let planner: RangePlanner
  let time: any TimeSource
  let log: Log
  let state: Monitor<FetcherState>
  let counters = FetchCounters()
  /// The indexes of shards; beside the one lock, because reads of what is near look there too.
  let shards = Monitor(ShardTable())
  let hooks = Monitor(Hooks())
  /// The remote was seen to refuse ranges counted from the end.
  let refusesSuffixes = Atomic<Bool>(false)
  private let measuredRoundTrip = Atomic<Int64>(0)
  private let lastWaiter = Atomic<UInt64>(0)

  struct Hooks {
    /// Who hears of what came of fetching ahead.
    var onFate: (@Sendable (PrefetchFate, ObjectKey, [Int]) -> Void)?
  }

  /// `store` retries by itself, until its deadline.
  package init(
    store: any ObjectStore, cache: BlockCache, configuration: FetchConfiguration = FetchConfiguration(),
    time: any TimeSource, log: Log
  ) {
    self.store = store
    self.cache = cache
    self.configuration = configuration
    self.time = time
    self.log = log
    planner = RangePlanner(
      partSize: configuration.partSize, wholeLimit: configuration.wholeLimit, windowSize: configuration.windowSize)
    state = Monitor(FetcherState(configuration))
    cache.setEvictionHook { [weak self] in self?.noteEvicted($0) }
  }

  /// Tells of chunks that were fetched ahead and not read, or were to be fetched and could not: the object's key, and of a
  /// shard the numbers of its inner chunks. On any thread, without a lock.
  func setFateHook(_ hook: (@Sendable (PrefetchFate, ObjectKey, [Int]) -> Void)?) {
    hooks.withLock { $0.onFate = hook }
  }

  /// Bytes that the line brings in the time of one round trip, as measured so far; 0 at first.
  package var roundTripBytes: Int64 { measuredRoundTrip.load(ordering: .relaxed) }

  func noteMeasured(_ roundTripBytes: Int64) { measuredRoundTrip.store(roundTripBytes, ordering: .relaxed) }

  package var statistics: FetchStatistics {
    var statistics = counters.statistics
    state.withLock { state in
      statistics.prefetchedUsed = state.ledger.used
      statistics.prefetchedWasted = state.ledger.wasted
      statistics.openFetches = state.transfers.count + state.openTransfers.count
      statistics.waitingReads = state.table.waiterCount
      statistics.budgetInUse = state.budget.inUse
      statistics.budgetLimit = state.budget.limit
      statistics.windowBytes = state.windows.bytes
    }
    return statistics
  }

  /// Answers all that waits with a failure, stops all transfers, and waits (a few seconds at most) until they have
  /// stopped. Hits are served on. Afterwards nothing of the cache is held.
  package func shutdown() {
    let failure = FetchFailure.unavailable(StoreError(.cancelled, "the mount is shutting down"))
    let (reads, opens, parts, windows) = state.withLock { state in
      state.isShutDown = true
      let (waiters, parts) = state.table.shutDown()
      let opens = state.openTransfers.values.flatMap { transfer in
        defer { transfer.waiters = [] }
        return transfer.waiters
      }
      return (
        state.take(waiters), opens, parts.compactMap { state.transfers[$0] }, state.windows.removeAll()
      )
    }
    _ = windows
    for read in reads { finish(read, .failure(failure)) }
    for open in opens { open.answer(.failure(failure)) }
    for part in parts { cancel(part) }
    for transfer in state.withLock({ Array($0.openTransfers.values) }) { cancel(transfer) }
    let deadline = SystemTimeSource().monotonic() + .seconds(5)
    if state.wait(until: deadline, { $0.transfers.isEmpty && $0.openTransfers.isEmpty ? true : nil }) == nil {
      log.warning("transfers did not stop at shutdown")
    }
  }

  func nextWaiter() -> WaiterID { WaiterID(lastWaiter.wrappingAdd(1, ordering: .relaxed).newValue) }

  /// The object's body, to be held for the length of a READ or a part; nil: the cache cannot hold it now.
  func openBody(_ object: ObjectReference) -> Body? {
    guard object.version.size <= configuration.maximumObjectSize else { return nil }
    guard let body = cache.body(of: object.inode, size: object.version.size, class: object.class) else { return nil }
    body.touch()
    return body
  }

  /// An answer from near: counts, and answers. The one place where READs end.
  func finish(_ read: ParkedRead, _ result: Result<UnsafeRawBufferPointer, FetchFailure>) {
    read.sources = []
    read.body = nil
    if case .failure = result { counters.failures.add(1) }
    read.answer(result)
  }

  // MARK: Scratch for the store's threads

  func withScratch(count: Int, _ body: (UnsafeMutableRawBufferPointer) -> Void) {
    let pooled = state.withLock { state in
      state.scratch.last.map { $0.bytes.count >= count } == true ? state.scratch.popLast() : nil
    }
    let buffer = pooled ?? ScratchBuffer(count: count)
    body(UnsafeMutableRawBufferPointer(rebasing: buffer.bytes[..<count]))
    state.withLock { state in
      if state.scratch.count < 2, buffer.bytes.count == ScratchBuffer.usualSize { state.scratch.append(buffer) }
    }
  }
}
