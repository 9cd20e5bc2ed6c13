package import Platform

/// Whether, and after how long, a failed request is tried again: full jitter, so that many readers do not come back
/// at once. Pure: clock and chance are parameters.
package struct RetryPolicy: Sendable {
  /// The first wait is at most this; each further one at most twice the one before.
  package var base = Interval.milliseconds(100)
  /// The longest wait, unless the remote asks for more.
  package var cap = Interval.seconds(20)
  /// `--timeout`: counted from the request's beginning, or from the last byte that came.
  package var timeout = Interval.seconds(120)

  /// A garbled answer is asked for again so many times: a proxy's hiccup passes, a server's own error does not, and is
  /// not worth the whole timeout.
  package var garbledRetries = 3

  package init() {}

  package enum Decision: Equatable, Sendable {
    case retry(after: Interval)
    case giveUp
  }

  /// `attempt` is 0 after the first failure without progress.
  package func decision(
    after error: StoreError, attempt: Int, elapsed: Interval, using generator: inout some RandomNumberGenerator
  ) -> Decision {
    switch error.kind {
    case .unavailable, .misconfigured: break
    case .garbled: if attempt >= garbledRetries { return .giveUp }
    case .notFound, .forbidden, .changed, .unsatisfiable, .rejected, .cancelled: return .giveUp
    }
    let left = timeout - elapsed
    guard left > .zero else { return .giveUp }
    let ceiling = min(cap.nanoseconds, base.nanoseconds << min(max(attempt, 0), 20))
    var wait = Interval(nanoseconds: Int64.random(in: 0...max(0, ceiling), using: &generator))
    if let asked = error.retryAfter { wait = max(wait, asked) }
    // The last try is made at the deadline.
    return .retry(after: min(wait, left))
  }
}
