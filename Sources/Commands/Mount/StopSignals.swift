import Glibc
import Platform

/// SIGTERM, SIGINT and SIGHUP end the daemon cleanly: one thread waits for them, all others have them blocked.
final class StopSignals: Sendable {
  private struct State {
    var hasCome = false
    var action: (@Sendable () -> Void)?
  }

  private let state = Monitor(State())

  /// Call before any other thread is started.
  init() throws(Errno) {
    var set = sigset_t()
    sigemptyset(&set)
    for signal in [SIGTERM, SIGINT, SIGHUP] { sigaddset(&set, signal) }
    pthread_sigmask(SIG_BLOCK, &set, nil)
    let signals = set
    _ = try Thread.start("signals", stackSize: 128 * 1024) { [state] in
      var signals = signals
      while true {
        var number: CInt = 0
        guard sigwait(&signals, &number) == 0 else { continue }
        let action = state.withLockNotifying { state in
          state.hasCome = true
          return state.action
        }
        action?()
      }
    }
  }

  var hasCome: Bool { state.withLock { $0.hasCome } }

  /// Calls `action` at the signal; at once if it has come already.
  func onStop(_ action: @escaping @Sendable () -> Void) {
    let hasCome = state.withLock { state in
      state.action = action
      return state.hasCome
    }
    if hasCome { action() }
  }
}
