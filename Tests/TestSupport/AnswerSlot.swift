package import Platform

/// The one answer of an asynchronous call, for a test to wait for.
///
///     let answer = AnswerSlot<Result<ObjectVersion, StoreError>>()
///     store.head(key, priority: .demand, answer.fill)
///     let version = try answer.wait().get()
package final class AnswerSlot<Value: Sendable>: Sendable {
  private let state = Monitor<[Value]>([])

  package init() {}

  /// The completion to hand over.
  package var fill: @Sendable (Value) -> Void { { self.set($0) } }

  package func set(_ value: Value) { state.withLockNotifying { $0.append(value) } }

  /// The answer; a crash with `what` when none came within a minute.
  package func wait(_ what: String = "an answer") -> Value { state.expect(what) { $0.first } }

  /// Without waiting.
  package var value: Value? { state.withLock { $0.first } }

  /// How often it was answered: a test asserts 1.
  package var count: Int { state.withLock { $0.count } }
}

extension Monitor {
  /// `wait`, but a test that would hang crashes with what it waited for.
  @discardableResult
  package func expect<Value>(
    _ what: String, within limit: Interval = .seconds(60), _ body: (inout State) -> Value?
  ) -> Value {
    let deadline = SystemTimeSource().monotonic() + limit
    guard let value = wait(until: deadline, body) else { fatalError("waited \(limit.seconds) s in vain for \(what)") }
    return value
  }
}
