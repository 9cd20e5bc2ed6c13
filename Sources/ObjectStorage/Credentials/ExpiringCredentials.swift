import Platform

/// When to get credentials, and who gets which: pure. `CredentialChain` is the shell that fetches.
///
/// One fetch at a time, whoever asks. Before they expire they are fetched anew, and the old ones are given meanwhile.
/// After a failure the next fetch waits a little, longer each time.
struct ExpiringCredentials<Waiter> {
  /// What the shell does for one who asks.
  enum Action {
    /// Answer it now.
    case answer(Result<Credentials?, StoreError>)
    /// Answer it now and start a fetch.
    case answerAndFetch(Credentials?)
    /// Start a fetch; the asker waits in here.
    case fetch
    /// A fetch is under way; the asker waits in here.
    case wait
  }

  private enum State {
    /// Next: fetching.
    case none
    /// Next: have, or none.
    case fetching
    /// Next: have and refreshing, or none when refused or expired.
    case have(Held)
    /// Next: have, whatever comes of it; fetching when refused.
    case haveAndRefreshing(Held)
  }

  private struct Held {
    var value: Credentials?
    var fetched: WallTime
    /// From then on a new one is fetched.
    var refresh: WallTime?

    func isValid(at now: WallTime) -> Bool { value?.expires.map { now < $0 } ?? true }
  }

  private var state = State.none
  private var waiters: [Waiter] = []
  private var failures = 0
  private var failure: (error: StoreError, until: MonotonicTime)?

  /// How long before their end credentials are fetched anew; at most a quarter of their life.
  static var margin: Interval { .seconds(300) }
  /// Refusals so soon after a fetch are of requests that were signed before it, or are no matter of age.
  static var settling: Interval { .seconds(5) }

  mutating func request(_ waiter: Waiter, now: WallTime, monotonic: MonotonicTime) -> Action {
    switch state {
    case .have(let held) where held.isValid(at: now):
      guard let refresh = held.refresh, now >= refresh, !isBackingOff(monotonic) else {
        return .answer(.success(held.value))
      }
      state = .haveAndRefreshing(held)
      return .answerAndFetch(held.value)
    case .haveAndRefreshing(let held):
      if held.isValid(at: now) { return .answer(.success(held.value)) }
      state = .fetching
      waiters.append(waiter)
      return .wait
    case .none, .have:
      if let failure, isBackingOff(monotonic) { return .answer(.failure(failure.error)) }
      state = .fetching
      waiters.append(waiter)
      return .fetch
    case .fetching:
      waiters.append(waiter)
      return .wait
    }
  }

  /// The fetch ended. Who waited, and what they get.
  mutating func fetched(
    _ result: Result<Credentials?, StoreError>, now: WallTime, monotonic: MonotonicTime
  ) -> (waiters: [Waiter], result: Result<Credentials?, StoreError>) {
    defer { waiters = [] }
    switch result {
    case .success(let value):
      let life = value?.expires.map { $0 - now }
      let margin = life.map { min(Self.margin, Interval(nanoseconds: max(0, $0.nanoseconds / 4))) }
      let refresh = life.flatMap { life in margin.map { now + (life - $0) } }
      state = .have(Held(value: value, fetched: now, refresh: refresh))
      failure = nil
      failures = 0
    case .failure(let error):
      failures += 1
      let delay = Interval.seconds(min(30, 1 << Int64(min(failures - 1, 5))))
      failure = (error, monotonic + delay)
      if case .haveAndRefreshing(let held) = state { state = .have(held) } else { state = .none }
    }
    return (waiters, result)
  }

  /// The remote refused what was given: it is not given again.
  mutating func invalidate(now: WallTime) {
    switch state {
    case .have(let held) where now - held.fetched >= Self.settling: state = .none
    case .haveAndRefreshing: state = .fetching
    case .none, .fetching, .have: break
    }
  }

  private func isBackingOff(_ monotonic: MonotonicTime) -> Bool { failure.map { monotonic < $0.until } ?? false }
}
