import ObjectStorage
import Objects
import Platform

/// The remote with `--offline`: asks nothing, and says so.
final class OfflineStore: ObjectStore {
  private final class Nothing: Transfer {
    func cancel() {}
    func promote() {}
  }

  let canList: Bool
  private let scheduler: any Scheduler

  init(canList: Bool, scheduler: any Scheduler) {
    self.canList = canList
    self.scheduler = scheduler
  }

  private func answer(_ body: @escaping @Sendable (StoreError) -> Void) -> any Transfer {
    scheduler.after(.zero) {
      body(StoreError(.unavailable, "this is not in the cache, and --offline forbids to ask for it"))
    }
    return Nothing()
  }

  func get(_ request: GetRequest, to receiver: any GetReceiver) -> any Transfer { answer { receiver.end($0) } }

  func head(
    _ key: ObjectKey, priority: TransferPriority,
    _ completion: @escaping @Sendable (Result<ObjectVersion, StoreError>) -> Void
  ) -> any Transfer { answer { completion(.failure($0)) } }

  func list(
    _ request: ListRequest, _ completion: @escaping @Sendable (Result<ListPage, StoreError>) -> Void
  ) -> any Transfer { answer { completion(.failure($0)) } }
}
