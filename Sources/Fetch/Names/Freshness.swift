package import Platform

/// How long an answer is good for (promise 4).
package struct Freshness: Sendable {
  package var timeToLive: Interval
  package var now: WallTime

  package init(timeToLive: Interval, now: WallTime) {
    self.timeToLive = timeToLive
    self.now = now
  }

  /// What is left of an answer that the remote gave at `validated`; nil when it is stale. An answer from the future
  /// (the clock was set back) is stale: its age is not known.
  package func remaining(validated: WallTime) -> Interval? {
    if timeToLive >= .infinite { return .infinite }
    let age = now.milliseconds.subtractingReportingOverflow(validated.milliseconds)
    guard !age.overflow, age.partialValue >= 0, age.partialValue < timeToLive.milliseconds else { return nil }
    return .milliseconds(timeToLive.milliseconds - age.partialValue)
  }
}
