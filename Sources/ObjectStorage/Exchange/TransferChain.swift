import Platform

/// Several exchanges, one after another, that the caller sees as one transfer.
final class TransferChain: Transfer {
  private struct State {
    var current: (any Transfer)?
    var priority: TransferPriority
    var isCancelled = false
    var started = 0
    /// Runs on cancellation while nothing is under way; see `pause`.
    var onCancel: (@Sendable () -> Void)?
  }

  private let state: Monitor<State>

  init(_ priority: TransferPriority) { state = Monitor(State(priority: priority)) }

  var isCancelled: Bool { state.withLock { $0.isCancelled } }
  /// Of the next exchange.
  var priority: TransferPriority { state.withLock { $0.priority } }

  /// Starts the next exchange; it is cancelled or promoted if the chain was, in the meantime.
  /// It may end, and its end start the one after, before `start` returns here: the newest stays the current one.
  func run(_ start: () -> any Transfer) {
    let number = state.withLock { state in
      state.started += 1
      return state.started
    }
    let transfer = start()
    let (isCancelled, priority) = state.withLock { state in
      if number == state.started { state.current = transfer }
      return (state.isCancelled, state.priority)
    }
    if isCancelled { transfer.cancel() } else if priority == .demand { transfer.promote() }
  }

  /// Nothing is under way: a cancellation runs `onCancel`, once. false: it has happened already.
  func pause(_ onCancel: @escaping @Sendable () -> Void) -> Bool {
    state.withLock { state in
      if state.isCancelled { return false }
      state.started += 1
      state.current = nil
      state.onCancel = onCancel
      return true
    }
  }

  /// Ends the pause; false when a cancellation was faster.
  func resume() -> Bool {
    state.withLock { state in
      guard !state.isCancelled else { return false }
      state.onCancel = nil
      return true
    }
  }

  func cancel() {
    let (current, onCancel) = state.withLock { state in
      state.isCancelled = true
      defer {
        state.current = nil
        state.onCancel = nil
      }
      return (state.current, state.onCancel)
    }
    current?.cancel()
    onCancel?()
  }

  func promote() {
    let current = state.withLock { state in
      state.priority = .demand
      return state.current
    }
    current?.promote()
  }

  /// Cancels the exchange under way, not the chain.
  func stopCurrent() { state.withLock { $0.current }?.cancel() }
}
