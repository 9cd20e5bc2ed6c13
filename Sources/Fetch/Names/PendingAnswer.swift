import Platform

/// A question of the kernel's side that will be answered later.
package protocol PendingName: AnyObject, Sendable {
  /// Answer now, with `interrupted`, if not answered yet.
  func interrupt()
}

/// One waiter: answered once, by whoever comes first.
final class PendingAnswer<Value: Sendable>: PendingName {
  private struct State {
    var answer: (@Sendable (Value) -> Void)?
  }

  private let state: Monitor<State>
  private let interruption: Value

  init(interruption: Value, _ answer: @escaping @Sendable (Value) -> Void) {
    self.interruption = interruption
    state = Monitor(State(answer: answer))
  }

  func callAsFunction(_ value: Value) {
    let answer = state.withLock { state in
      defer { state.answer = nil }
      return state.answer
    }
    answer?(value)
  }

  func interrupt() { self(interruption) }

  var isOver: Bool { state.withLock { $0.answer == nil } }
}
