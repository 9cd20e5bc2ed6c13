import Platform

/// Runs closures when their time has come: the patience of those who could be served stale.
///
/// Times are of the given `TimeSource`, which a test moves by hand; so the thread looks at it every 20 ms while anything
/// is due at all, and sleeps else.
final class Deadlines: Sendable {
  private struct State {
    var due: [(at: MonotonicTime, run: @Sendable () -> Void)] = []
    var isStopped = false
    var thread: Thread?
  }

  private let state = Monitor(State())

  init(time: any TimeSource) throws(Errno) {
    let state = self.state
    let thread = try Thread.start("deadlines") { Self.run(state, time) }
    state.withLock { $0.thread = thread }
  }

  /// Without waiting: the thread itself may have let go last.
  deinit { _ = end() }

  /// Nothing runs any more afterwards. Not to be called by what is scheduled.
  func stop() { end()?.join() }

  private func end() -> Thread? {
    state.withLockNotifying { state in
      state.isStopped = true
      state.due = []
      defer { state.thread = nil }
      return state.thread
    }
  }

  func schedule(at time: MonotonicTime, _ run: @escaping @Sendable () -> Void) {
    state.withLockNotifying { state in
      if !state.isStopped { state.due.append((time, run)) }
    }
  }

  private static func run(_ monitor: Monitor<State>, _ time: any TimeSource) {
    let clock = SystemTimeSource()
    while true {
      let isStopped = monitor.wait { state -> Bool? in state.isStopped ? true : state.due.isEmpty ? nil : false }
      if isStopped { return }
      let now = time.monotonic()
      let ready = monitor.withLock { state in
        // In the order of time, because all wait equally long.
        let ready = Array(state.due.prefix { $0.at <= now })
        state.due.removeFirst(ready.count)
        return ready
      }
      for item in ready { item.run() }
      if ready.isEmpty {
        let pause = clock.monotonic() + .milliseconds(20)
        _ = monitor.wait(until: pause) { $0.isStopped ? true : nil }
      }
    }
  }
}
