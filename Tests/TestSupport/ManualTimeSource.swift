package import Platform

/// Time that moves when a test says so. Starts at 2026-01-01 and at 1,000 s.
package final class ManualTimeSource: TimeSource {
  private let state = Monitor((wall: WallTime(milliseconds: 1_767_225_600_000), monotonic: Int64(1_000_000_000_000)))

  package init() {}

  package func now() -> WallTime { state.withLock { $0.wall } }
  package func monotonic() -> MonotonicTime { state.withLock { MonotonicTime(nanoseconds: $0.monotonic) } }

  package func advance(by interval: Interval) {
    state.withLock {
      $0.wall = $0.wall + interval
      $0.monotonic += interval.nanoseconds
    }
  }
  /// Somebody corrects the clock; what is measured goes on.
  package func setBack(by interval: Interval) {
    state.withLock { $0.wall = WallTime(milliseconds: $0.wall.milliseconds - interval.milliseconds) }
  }
}
