import Cache

/// Numbers for `stats`, by their stable names (`docs/stats.md`).
extension NameSpace {
  /// Bytes allocated, their bound, and the number of bodies.
  package var volume: (allocated: Int64, bound: Int64, bodies: Int64) {
    let usage = cache.usage
    return (usage.allocated, usage.bound, usage.bodies)
  }

  package var cacheNumbers: [(name: String, value: Int64)] {
    let usage = cache.usage
    return [
      ("allocated_bytes", usage.allocated), ("body_bytes", usage.bodyBytes), ("bound_bytes", usage.bound),
      ("bodies", usage.bodies), ("evictions", usage.evictions), ("evicted_bytes", usage.evictedBytes),
      ("deduplicated", usage.deduplicated), ("deduplicated_bytes", usage.deduplicatedBytes),
      ("verify_failures", usage.verifyFailures),
    ]
  }

  /// `working`, or `degraded: ` and why.
  package var cacheState: String {
    switch cache.usage.state {
    case .working: "working"
    case .degraded(let reason): "degraded: \(reason)"
    }
  }

  package var fetchNumbers: [(name: String, value: Int64)] {
    let fetches = fetcher.statistics
    return [
      ("hits", fetches.hits), ("misses", fetches.misses), ("failures", fetches.failures),
      ("bytes_from_cache", fetches.bytesFromCache), ("bytes_from_remote", fetches.bytesFromRemote),
      ("bytes_prefetched", fetches.bytesPrefetched), ("prefetched_used", fetches.prefetchedUsed),
      ("prefetched_wasted", fetches.prefetchedWasted), ("prefetches_dropped", fetches.prefetchesDropped),
      ("parts_in_memory", fetches.partsInMemory), ("open_fetches", Int64(fetches.openFetches)),
      ("waiting_reads", Int64(fetches.waitingReads)), ("budget_in_use", fetches.budgetInUse),
      ("budget_limit", fetches.budgetLimit),
    ]
  }
}
