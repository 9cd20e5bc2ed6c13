package import Platform

/// How bytes are fetched. Sizes in bytes.
package struct FetchConfiguration: Sendable {
  /// `--part-size`: longest range of one GET.
  package var partSize: Int64 = 8 << 20
  /// Objects up to this size are fetched whole.
  package var wholeLimit: Int64 = 16 << 20
  /// Parts in flight of one object.
  package var partsPerObject = 16
  /// `--memory`: bytes in flight, and of windows kept in memory.
  package var memory: Int64 = 256 << 20
  /// `--max-object-size`: larger ones pass through memory in windows.
  package var maximumObjectSize = Int64.max
  /// How long a failed range fails at once (promise 3).
  package var failureMemory = Interval.seconds(1)
  /// Read-ahead inside large objects; nothing with `largest` 0.
  package var readAhead = ReadAheadPlanner.Limits()

  package init() {}

  /// A quarter of the memory, at most 32 MiB, holds windows of what the cache cannot hold.
  var windowCapacity: Int64 { min(32 << 20, memory / 4) }
  /// So that several readers have their window at once.
  var windowSize: Int64 { min(1 << 20, max(64 << 10, windowCapacity / 8 / (64 << 10) * (64 << 10))) }
  /// For bytes in flight.
  var budget: Int64 { memory - windowCapacity }
  /// No stream takes more than a quarter of what may be in flight.
  func readAheadLimits(isCached: Bool) -> ReadAheadPlanner.Limits {
    var limits = readAhead
    limits.largest = min(limits.largest, isCached ? budget / 4 : windowCapacity / 4)
    return limits
  }
}
