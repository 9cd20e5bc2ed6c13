package import Platform

/// Whether the remote lets names be listed, learned once for all directories. Pure.
///
/// A LIST that is refused says little by itself: credentials that expired are refused too. It is believed once an object
/// was answered for after it, found or not: then these credentials are accepted, and it is listing that they may not.
/// Where names were listed before, it is never believed: what a listing alone can show would be taken for absent, and a
/// refusal that passes for fill values. Readers are told of the refusal instead, until the next mount.
package struct ListingAccess: Equatable, Sendable {
  /// A policy may change: one LIST is asked again so often. It costs the one who asks a round trip.
  package static let interval = Interval.seconds(300)

  /// What the mount found out.
  package enum Finding: Sendable { case unknown, works, refused }

  private enum State { case open, suspected, refused }

  private var state = State.open
  private var hasListed: Bool
  private var next = MonotonicTime(nanoseconds: 0)

  package init(_ finding: Finding = .unknown, at now: MonotonicTime) {
    hasListed = finding == .works
    guard finding == .refused else { return }
    state = .refused
    next = now + Self.interval
  }

  package var isRefused: Bool { state == .refused }

  /// Whether to ask. Once refused, one caller in each interval.
  package mutating func mayAsk(at now: MonotonicTime) -> Bool {
    guard state == .refused else { return true }
    guard now >= next else { return false }
    next = now + Self.interval
    return true
  }

  /// A LIST was answered.
  package mutating func listed() {
    state = .open
    hasListed = true
  }

  /// A LIST was refused.
  package mutating func refused(at now: MonotonicTime) {
    if state == .open, !hasListed { state = .suspected }
    next = now + Self.interval
  }

  /// An object was answered for: it is there, or it is not.
  package mutating func answered(at now: MonotonicTime) {
    guard state == .suspected else { return }
    state = .refused
    next = now + Self.interval
  }
}
