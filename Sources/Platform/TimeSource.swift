import Glibc

/// Nanoseconds since an unknown start; only differences mean something. CLOCK_MONOTONIC.
package struct MonotonicTime: Comparable, Hashable, Sendable {
  package var nanoseconds: Int64

  package init(nanoseconds: Int64) { self.nanoseconds = nanoseconds }

  package static func < (a: Self, b: Self) -> Bool { a.nanoseconds < b.nanoseconds }
  package static func + (a: Self, b: Interval) -> Self { Self(nanoseconds: a.nanoseconds &+ b.nanoseconds) }
  package static func - (a: Self, b: Self) -> Interval { Interval(nanoseconds: a.nanoseconds &- b.nanoseconds) }
}

/// Milliseconds since 1970-01-01 UTC. CLOCK_REALTIME; what is stored across restarts.
package struct WallTime: Comparable, Hashable, Sendable {
  package var milliseconds: Int64

  package init(milliseconds: Int64) { self.milliseconds = milliseconds }

  package static func < (a: Self, b: Self) -> Bool { a.milliseconds < b.milliseconds }
  package static func + (a: Self, b: Interval) -> Self {
    Self(milliseconds: a.milliseconds.addingReportingOverflow(b.milliseconds).partialValue)
  }
  package static func - (a: Self, b: Self) -> Interval { .milliseconds(a.milliseconds &- b.milliseconds) }
}

/// A length of time. `infinite` is what the command line calls `infinite`: long enough to never end (100 years).
package struct Interval: Comparable, Hashable, Sendable {
  package var nanoseconds: Int64

  package init(nanoseconds: Int64) { self.nanoseconds = nanoseconds }

  package static let zero = Interval(nanoseconds: 0)
  package static let infinite = Interval.seconds(100 * 365 * 86_400)
  package static func seconds(_ count: Int64) -> Interval { Interval(nanoseconds: count &* 1_000_000_000) }
  package static func milliseconds(_ count: Int64) -> Interval { Interval(nanoseconds: count &* 1_000_000) }

  package var milliseconds: Int64 { nanoseconds / 1_000_000 }
  package var seconds: Double { Double(nanoseconds) / 1e9 }

  package static func < (a: Self, b: Self) -> Bool { a.nanoseconds < b.nanoseconds }
  package static func + (a: Self, b: Self) -> Self { Self(nanoseconds: a.nanoseconds &+ b.nanoseconds) }
  package static func - (a: Self, b: Self) -> Self { Self(nanoseconds: a.nanoseconds &- b.nanoseconds) }
}

/// Where time comes from; a parameter everywhere, so that tests move it by hand.
package protocol TimeSource: AnyObject, Sendable {
  func now() -> WallTime
  func monotonic() -> MonotonicTime
}

/// The machine's clocks.
package final class SystemTimeSource: TimeSource {
  package init() {}

  package func now() -> WallTime {
    var time = timespec()
    clock_gettime(CLOCK_REALTIME, &time)
    return WallTime(milliseconds: Int64(time.tv_sec) * 1000 + Int64(time.tv_nsec) / 1_000_000)
  }

  package func monotonic() -> MonotonicTime {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return MonotonicTime(nanoseconds: Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec))
  }
}
