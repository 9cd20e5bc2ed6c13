import ObjectStorage
import Platform
import TestSupport

/// Timers that run when the test says so, moving its clock.
final class ManualScheduler: Scheduler {
  private let time: ManualTimeSource
  private let state = Monitor<[(deadline: MonotonicTime, body: @Sendable () -> Void)]>([])

  init(_ time: ManualTimeSource) { self.time = time }

  func after(_ interval: Interval, _ body: @escaping @Sendable () -> Void) {
    let deadline = time.monotonic() + interval
    state.withLockNotifying { $0.append((deadline, body)) }
  }

  /// Runs what is due next; false when nothing waits.
  func runNext() -> Bool {
    let next = state.withLock { entries -> (deadline: MonotonicTime, body: @Sendable () -> Void)? in
      guard let index = entries.indices.min(by: { entries[$0].deadline < entries[$1].deadline }) else { return nil }
      return entries.remove(at: index)
    }
    guard let next else { return false }
    time.advance(by: max(.zero, next.deadline - time.monotonic()))
    next.body()
    return true
  }
}
