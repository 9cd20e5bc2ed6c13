/// Which waiting request a thread of `DirectoryStore` takes next: pure.
///
/// Demand goes before prefetch, each in the order asked. Prefetches never take the last thread, so that a slow disk
/// busy with them still answers what a reader waits for.
struct DirectoryStoreQueue<Job> {
  private struct Waiting {
    var id: UInt64
    var priority: TransferPriority
    var job: Job
  }

  private let prefetchLimit: Int
  private var waiting: [Waiting] = []
  private var runningPrefetches: Set<UInt64> = []

  init(threads: Int) { prefetchLimit = max(1, threads - 1) }

  var isEmpty: Bool { waiting.isEmpty }

  mutating func add(_ job: Job, id: UInt64, priority: TransferPriority) {
    waiting.append(Waiting(id: id, priority: priority, job: job))
  }

  /// The job to run now; nil when none may. `finished` must follow.
  mutating func next() -> (id: UInt64, job: Job)? {
    var choice = waiting.firstIndex { $0.priority == .demand }
    if choice == nil, runningPrefetches.count < prefetchLimit { choice = waiting.indices.first }
    guard let choice else { return nil }
    let taken = waiting.remove(at: choice)
    if taken.priority == .prefetch { runningPrefetches.insert(taken.id) }
    return (taken.id, taken.job)
  }

  mutating func finished(_ id: UInt64) { runningPrefetches.remove(id) }

  /// A reader waits for it now.
  mutating func promote(_ id: UInt64) {
    if let index = waiting.firstIndex(where: { $0.id == id }) { waiting[index].priority = .demand }
    runningPrefetches.remove(id)
  }

  /// Brings a cancelled job to the front, to be answered soon.
  mutating func hasten(_ id: UInt64) {
    guard let index = waiting.firstIndex(where: { $0.id == id }) else { return }
    var taken = waiting.remove(at: index)
    taken.priority = .demand
    waiting.insert(taken, at: 0)
  }

  /// Everything that waits, taken out.
  mutating func removeAll() -> [Job] {
    defer { waiting = [] }
    return waiting.map(\.job)
  }
}
