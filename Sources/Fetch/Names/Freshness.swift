package import Objects
package import Platform

/// How long an answer is good for (promise 4).
package struct Freshness: Sendable {
  package var timeToLive: Interval
  package var now: WallTime
  package var policy: FreshnessPolicy

  package init(timeToLive: Interval, now: WallTime, policy: FreshnessPolicy = .object) {
    self.timeToLive = timeToLive
    self.now = now
    self.policy = policy
  }

  /// What is left of what is known of a name, by its own age; nil when it is stale. An entry of time 0 was denied since.
  package func remaining(of entry: Entry) -> Interval? {
    if policy == .immutable, entry.kind != .absent, entry.validated > 0 { return .infinite }
    return remaining(validated: WallTime(milliseconds: entry.validated))
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
