import Platform

/// The same work on many things by threads of our own, which the calling thread waits for.
enum Parallel {
  /// `items` through `body`, in their order.
  static func map<Item: Sendable, Value: Sendable>(
    _ items: [Item], jobs: Int, _ body: @escaping @Sendable (Item) -> Value
  ) -> [Value] {
    let state = Monitor((next: 0, values: [Value?](repeating: nil, count: items.count)))
    let work: @Sendable () -> Void = {
      while true {
        let index = state.withLock { state in
          defer { state.next += 1 }
          return state.next
        }
        guard index < items.count else { return }
        let value = body(items[index])
        state.withLock { $0.values[index] = value }
      }
    }
    run(jobs: min(jobs, items.count), work)
    return state.withLock { $0.values.compactMap { $0 } }
  }

  /// `work` on `jobs` threads; here where there can be none.
  static func run(jobs: Int, _ work: @escaping @Sendable () -> Void) {
    var threads: [Thread] = []
    for number in 0..<max(jobs, 0) {
      guard let thread = try? Thread.start("job-\(number)", work) else { break }
      threads.append(thread)
    }
    if threads.isEmpty { work() }
    for thread in threads { thread.join() }
  }
}
