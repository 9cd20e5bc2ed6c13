/// What was read and fetched since the start, and what is going on now.
package struct FetchStatistics: Equatable, Sendable {
  /// READs answered from near, without waiting.
  package var hits: Int64 = 0
  /// READs that had to wait for the remote, each once.
  package var misses: Int64 = 0
  /// READs answered with a failure, interrupted ones included.
  package var failures: Int64 = 0
  /// Bytes of hits.
  package var bytesFromCache: Int64 = 0
  /// Body bytes for readers.
  package var bytesFromRemote: Int64 = 0
  /// Body bytes ahead of readers.
  package var bytesPrefetched: Int64 = 0
  package var prefetchedUsed: Int64 = 0
  package var prefetchedWasted: Int64 = 0
  /// Prefetches not made for want of room.
  package var prefetchesDropped: Int64 = 0
  /// Parts that went through memory because the cache could not hold them.
  package var partsInMemory: Int64 = 0
  package var openFetches = 0
  package var waitingReads = 0
  package var budgetInUse: Int64 = 0
  package var budgetLimit: Int64 = 0
  package var windowBytes: Int64 = 0
}

/// The counters behind, without a lock: they are on the hit path.
final class FetchCounters: Sendable {
  let hits = Counter()
  let misses = Counter()
  let failures = Counter()
  let bytesFromCache = Counter()
  let bytesFromRemote = Counter()
  let bytesPrefetched = Counter()
  let prefetchesDropped = Counter()
  let partsInMemory = Counter()

  var statistics: FetchStatistics {
    var statistics = FetchStatistics()
    statistics.hits = hits.value
    statistics.misses = misses.value
    statistics.failures = failures.value
    statistics.bytesFromCache = bytesFromCache.value
    statistics.bytesFromRemote = bytesFromRemote.value
    statistics.bytesPrefetched = bytesPrefetched.value
    statistics.prefetchesDropped = prefetchesDropped.value
    statistics.partsInMemory = partsInMemory.value
    return statistics
  }
}
