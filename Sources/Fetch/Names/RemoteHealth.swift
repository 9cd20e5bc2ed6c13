package import Platform

/// Whether the remote answers. While it does not, nobody with something to fall back on waits for it. Pure.
package struct RemoteHealth: Sendable {
  /// While down, one request is let through in each interval to see whether it is up again.
  static let probeInterval = Interval.seconds(1)

  private var isDown = false
  private var lastProbe = MonotonicTime(nanoseconds: 0)
  private var lastLog: MonotonicTime?

  package init() {}

  /// Whether to serve what is known at once.
  package var servesAtOnce: Bool { isDown }

  /// An answer came, of whatever content.
  package mutating func answered() { isDown = false }

  /// A request failed for good, or took longer than the patience.
  package mutating func failed(at now: MonotonicTime) {
    isDown = true
    lastProbe = now
  }

  /// Whether this caller should also ask, in the background.
  package mutating func beginsProbe(at now: MonotonicTime) -> Bool {
    guard now - lastProbe >= Self.probeInterval else { return false }
    lastProbe = now
    return true
  }

  /// At most once a minute.
  package mutating func mayLog(at now: MonotonicTime) -> Bool {
    if let lastLog, now - lastLog < .seconds(60) { return false }
    lastLog = now
    return true
  }
}
