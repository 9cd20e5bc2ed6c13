package import Objects
package import Platform

/// Tries a store's failed requests again, as the policy says. A GET that broke goes on where it broke, for the same
/// version: its receiver sees one stream.
package final class RetryingStore: ObjectStore {
  private let store: any ObjectStore
  let policy: RetryPolicy
  let scheduler: any Scheduler
  let time: any TimeSource
  let statistics: StoreStatistics
  private let log: Log

  package init(
    _ store: any ObjectStore, policy: RetryPolicy, scheduler: any Scheduler, time: any TimeSource,
    statistics: StoreStatistics, log: Log
  ) {
    self.store = store
    self.policy = policy
    self.scheduler = scheduler
    self.time = time
    self.statistics = statistics
    self.log = log
  }

  package var canList: Bool { store.canList }

  @discardableResult
  package func get(_ request: GetRequest, to receiver: any GetReceiver) -> any Transfer {
    let chain = TransferChain(request.priority)
    RetriedGet(request, chain, of: self, store, to: receiver).start()
    return chain
  }

  @discardableResult
  package func head(
    _ key: ObjectKey, priority: TransferPriority,
    _ completion: @escaping @Sendable (Result<ObjectVersion, StoreError>) -> Void
  ) -> any Transfer {
    let chain = TransferChain(priority)
    repeating(chain, Effort(began: time.monotonic()), completion) { [store] completion in
      store.head(key, priority: chain.priority, completion)
    }
    return chain
  }

  @discardableResult
  package func list(
    _ request: ListRequest, _ completion: @escaping @Sendable (Result<ListPage, StoreError>) -> Void
  ) -> any Transfer {
    let chain = TransferChain(request.priority)
    repeating(chain, Effort(began: time.monotonic()), completion) { [store] completion in
      var request = request
      request.priority = chain.priority
      return store.list(request, completion)
    }
    return chain
  }

  /// Since the beginning, or the last progress.
  struct Effort: Sendable {
    var began: MonotonicTime
    var attempt = 0
  }

  private func repeating<Value>(
    _ chain: TransferChain, _ effort: Effort,
    _ completion: @escaping @Sendable (Result<Value, StoreError>) -> Void,
    _ attempt: @escaping @Sendable (@escaping @Sendable (Result<Value, StoreError>) -> Void) -> any Transfer
  ) {
    chain.run {
      attempt { [self] result in
        guard case .failure(let error) = result else { return completion(result) }
        retry(after: error, effort, chain) { [self] effort in
          repeating(chain, effort, completion, attempt)
        } giveUp: {
          completion(.failure($0))
        }
      }
    }
  }

  /// Calls one of the two, once: `again` after the wait, or `giveUp` with the error to report.
  func retry(
    after error: StoreError, _ effort: Effort, _ chain: TransferChain, again: @escaping @Sendable (Effort) -> Void,
    giveUp: @escaping @Sendable (StoreError) -> Void
  ) {
    var generator = SystemGenerator()
    let elapsed = time.monotonic() - effort.began
    switch policy.decision(after: error, attempt: effort.attempt, elapsed: elapsed, using: &generator) {
    case .giveUp: giveUp(error)
    case .retry(let wait):
      log.debug("will try again", [("after", "\(wait.milliseconds) ms"), ("error", error.message)])
      let cancelled = StoreError(.cancelled, "cancelled while waiting to try again")
      let isWaiting = chain.pause { [scheduler] in scheduler.after(.zero) { giveUp(cancelled) } }
      guard isWaiting else { return giveUp(cancelled) }
      scheduler.after(wait) { [self] in
        guard chain.resume() else { return }
        statistics.countRetry()
        again(Effort(began: effort.began, attempt: effort.attempt + 1))
      }
    }
  }
}
