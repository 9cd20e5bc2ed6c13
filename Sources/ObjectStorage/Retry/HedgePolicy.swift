import Objects
import Platform

/// Which GETs are made a second time, and when: small ones that a reader waits for, whose head has not come after the
/// time in which 99 of 100 come (docs/decisions/005-hedging.md). Pure.
struct HedgePolicy: Sendable {
  /// Most bytes asked of a small GET. What is larger takes its time by the body, not by the wait for its head.
  static let largest: Int64 = 1 << 20
  /// Before so many were seen, a p99 says nothing.
  static let leastSamples = 100.0
  /// Never sooner: a loaded machine's own slowness looks like the remote's, and must not double what is asked of it.
  static let floor = Interval.milliseconds(500)
  /// One in so many small GETs may be made twice: when all are slow, a second one helps nobody.
  static let share = 100
  /// Most second GETs that can be saved up, for a remote that falls silent under many readers at once.
  static let burst = 10

  enum Plan: Equatable, Sendable {
    /// None of its business.
    case pass
    /// The time to its head is to be noted; it is not made twice.
    case watch
    /// The same, and `takeSecond` is to be asked when its head has not come by then.
    case hedge(after: Interval)
  }

  private var times = LatencyHistogram()
  /// In hundredths of a second GET.
  private var credit = 0

  /// A GET begins.
  mutating func begin(_ request: GetRequest) -> Plan {
    guard request.priority == .demand, Self.isSmall(request) else { return .pass }
    credit = min(Self.burst * Self.share, credit + 1)
    guard times.weight >= Self.leastSamples, let usual = times.quantile(0.99) else { return .watch }
    return .hedge(after: max(usual, Self.floor))
  }

  /// A watched GET's head came, after so long a wait of the reader: of the second GET's, if that was faster.
  mutating func note(_ wait: Interval) { times.record(wait) }

  /// The wait is over without a head: whether a second GET may be made, which is then paid for.
  mutating func takeSecond() -> Bool {
    guard credit >= Self.share else { return false }
    credit -= Self.share
    return true
  }

  /// By what is known of the size. The first GET of an unknown object asks for a whole part and mostly gets a small object;
  /// of a large one, no more is fetched twice than arrives before the slower GET is cut off.
  static func isSmall(_ request: GetRequest) -> Bool {
    if request.isEmpty { return false }
    let size = request.expected?.size
    switch request.range {
    case .whole: return size ?? 0 <= largest
    case .bytes(let bytes):
      guard let size else { return bytes.lowerBound == 0 || bytes.count <= largest }
      return min(bytes.upperBound, size) - bytes.lowerBound <= largest
    case .suffix(let count): return min(count, size ?? count) <= largest
    }
  }
}
