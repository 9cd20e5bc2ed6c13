import Platform

/// Whether the cache's disk can be trusted with more bytes. Pure: failures in, state out.
///
/// Failures in a row stop the use of the cache for a while; it is then tried again, and one more failure doubles the
/// while.
struct CacheHealth: Equatable {
  static let patience = 3
  static let firstPause = Interval.seconds(5)
  static let longestPause = Interval.seconds(60)

  private var failures = 0
  private var pause = firstPause
  private var until: MonotonicTime?
  private(set) var reason = ""

  /// It was stopped, and has not succeeded since.
  var hasStopped: Bool { until != nil }

  /// True when this failure stopped the use, or did so once more.
  mutating func failed(_ reason: String, at now: MonotonicTime) -> Bool {
    if let until, now < until { return false }
    failures += 1
    self.reason = reason
    guard until != nil || failures >= Self.patience else { return false }
    if until != nil { pause = min(Interval(nanoseconds: pause.nanoseconds * 2), Self.longestPause) }
    until = now + pause
    return true
  }

  /// True when this ended a time of not being used: to be logged.
  mutating func succeeded() -> Bool {
    let wasStopped = until != nil
    self = CacheHealth()
    return wasStopped
  }

  func isUsable(at now: MonotonicTime) -> Bool {
    guard let until else { return true }
    return now >= until
  }
}
