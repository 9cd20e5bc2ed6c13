/// Two GETs of the same bytes, of which one is to answer: which of their events reaches the reader. Pure.
///
/// The first whose head comes wins, and its events alone go on. The failure of one waits for the other while that is
/// under way; where both fail, the failure that came first is told.
struct HedgeRace: Sendable {
  enum Runner: Equatable, Sendable {
    case first, second
    var other: Runner { self == .first ? .second : .first }
  }

  enum Start: Equatable, Sendable {
    /// This head goes to the reader. `stopsOther`: the other GET is under way, and to be cancelled.
    case wins(stopsOther: Bool)
    /// The other one was faster: nothing of this one is wanted.
    case late
  }

  enum End: Sendable {
    /// The reader is not told: of the slower one, or the other is still under way.
    case silent
    case tell(StoreError?)
  }

  private var isRunning: (first: Bool, second: Bool) = (true, false)
  private var winner: Runner?
  private var firstFailure: StoreError?
  private var isCancelled = false

  /// A head may still come, and from the first GET alone.
  var canStartSecond: Bool { winner == nil && isRunning == (true, false) && firstFailure == nil && !isCancelled }

  /// Whether the second GET may start; it counts as under way from then on.
  mutating func startSecond() -> Bool {
    guard canStartSecond else { return false }
    isRunning.second = true
    return true
  }

  mutating func begin(_ runner: Runner) -> Start {
    guard winner == nil else { return .late }
    winner = runner
    return .wins(stopsOther: runner == .first ? isRunning.second : isRunning.first)
  }

  mutating func end(_ runner: Runner, _ failure: StoreError?) -> End {
    switch runner {
    case .first: isRunning.first = false
    case .second: isRunning.second = false
    }
    if let winner { return winner == runner ? .tell(failure) : .silent }
    let failure = isCancelled ? failure : firstFailure ?? failure
    firstFailure = failure
    return isRunning == (false, false) ? .tell(failure) : .silent
  }

  /// The reader wants neither any more: no second GET starts, and the end is that of the last one under way.
  mutating func cancel() { isCancelled = true }
}
