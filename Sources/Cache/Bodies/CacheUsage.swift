/// The cache in numbers. Bytes are allocated bytes.
package struct CacheUsage: Equatable, Sendable {
  package enum State: Equatable, Sendable {
    case working
    /// The cache failed again and again; bytes pass through memory until it is tried again.
    case degraded(reason: String)
  }

  /// Of everything in the cache's directory.
  package var allocated: Int64 = 0
  /// Of the bodies alone.
  package var bodyBytes: Int64 = 0
  /// `CacheConfiguration.size`.
  package var bound: Int64 = 0
  package var bodies: Int64 = 0
  /// Bodies evicted since the start.
  package var evictions: Int64 = 0
  package var evictedBytes: Int64 = 0
  /// Objects served from another's body since the start, and their bytes.
  package var deduplicated: Int64 = 0
  package var deduplicatedBytes: Int64 = 0
  /// Blocks dropped because their bytes were not what was written.
  package var verifyFailures: Int64 = 0
  package var state = State.working
  /// Totals are being checked against the disk, after an unclean stop.
  package var isSweeping = false
}
