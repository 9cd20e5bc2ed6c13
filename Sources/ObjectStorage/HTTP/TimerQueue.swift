import Platform

/// What is due when, in order of time and then of arrival. Pure.
struct TimerQueue<Value> {
  private var entries: [(deadline: MonotonicTime, value: Value)] = []

  var next: MonotonicTime? { entries.last?.deadline }

  /// Kept in descending order, so that the next due is popped from the end.
  mutating func insert(_ value: Value, at deadline: MonotonicTime) {
    var low = 0
    var high = entries.count
    while low < high {
      let middle = (low + high) / 2
      if entries[middle].deadline > deadline { low = middle + 1 } else { high = middle }
    }
    entries.insert((deadline, value), at: low)
  }

  mutating func removeDue(at now: MonotonicTime) -> Value? {
    guard let last = entries.last, last.deadline <= now else { return nil }
    return entries.removeLast().value
  }

  mutating func removeAll() -> [Value] {
    defer { entries = [] }
    return entries.reversed().map(\.value)
  }
}
