package import Objects
package import Platform

/// Makes a small GET once more when its head is slow to come, and goes on with the faster of the two.
///
/// Both are the same request (the same `If-Match`), so whichever answers, the caller gets bytes of one version. Below
/// `RetryingStore`: a try is hedged, and what fails is still tried again by the one policy.
package final class HedgingStore: ObjectStore {
  let store: any ObjectStore
  let time: any TimeSource
  let statistics: StoreStatistics
  private let scheduler: any Scheduler
  private let policy = Monitor(HedgePolicy())

  package init(
    _ store: any ObjectStore, scheduler: any Scheduler, time: any TimeSource, statistics: StoreStatistics
  ) {
    self.store = store
    self.scheduler = scheduler
    self.time = time
    self.statistics = statistics
  }

  package var canList: Bool { store.canList }

  @discardableResult
  package func get(_ request: GetRequest, to receiver: any GetReceiver) -> any Transfer {
    let plan = policy.withLock { $0.begin(request) }
    if plan == .pass { return store.get(request, to: receiver) }
    let get = HedgedGet(request, of: self, to: receiver)
    get.start()
    // The timer of a GET that has ended holds a shell of it, without receiver and transfers.
    if case .hedge(let wait) = plan { scheduler.after(wait) { get.startSecond() } }
    return get
  }

  @discardableResult
  package func head(
    _ key: ObjectKey, priority: TransferPriority,
    _ completion: @escaping @Sendable (Result<ObjectVersion, StoreError>) -> Void
  ) -> any Transfer { store.head(key, priority: priority, completion) }

  @discardableResult
  package func list(
    _ request: ListRequest, _ completion: @escaping @Sendable (Result<ListPage, StoreError>) -> Void
  ) -> any Transfer { store.list(request, completion) }

  func note(_ wait: Interval) { policy.withLock { $0.note(wait) } }
  func takeSecond() -> Bool { policy.withLock { $0.takeSecond() } }
}
