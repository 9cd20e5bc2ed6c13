import Platform
import Synchronization

/// Whether the cache's disk is used in one way, reading or writing, at the moment: `CacheHealth` behind a lock that the
/// good case does not take.
final class DiskHealth: Sendable {
  private let time: any TimeSource
  private let log: Log
  private let state = Monitor(CacheHealth())
  private let hasFailures = Atomic<Bool>(false)

  init(time: any TimeSource, log: Log) {
    self.time = time
    self.log = log
  }

  var isUsable: Bool { trouble == nil }

  /// Why it is not used now.
  var trouble: String? {
    guard hasFailures.load(ordering: .relaxed) else { return nil }
    let now = time.monotonic()
    return state.withLock { $0.isUsable(at: now) ? nil : $0.reason }
  }

  func failed(_ what: StaticString, _ error: Errno) {
    hasFailures.store(true, ordering: .relaxed)
    let now = time.monotonic()
    let isNews = state.withLock { health in
      let wasStopped = health.hasStopped
      return health.failed("\(what): \(error)", at: now) && !wasStopped
    }
    if isNews {
      log.error("The cache fails and is not used for a while.", [("call", "\(what)"), ("error", error.description)])
    }
  }

  func succeeded() {
    guard hasFailures.load(ordering: .relaxed) else { return }
    hasFailures.store(false, ordering: .relaxed)
    if state.withLock({ $0.succeeded() }) { log.info("The cache works again.") }
  }
}
