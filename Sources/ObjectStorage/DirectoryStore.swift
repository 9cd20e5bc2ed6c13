import Glibc
package import Objects
import Platform
import Synchronization

/// A local directory as a bucket (`file:///dir`): a slow network disk, a demo, a test.
///
/// Calls of the disk block, so they are made on four threads of the store's own. Keys never lead out of the directory.
/// A version's tag is made of the inode, the modification time in nanoseconds and the size: a file written over within
/// one tick of its file system's clock, to the same size, is not noticed.
/// An empty directory is an empty object `name/`, as S3 consoles make them; so it is listed and found.
package final class DirectoryStore: ObjectStore {
  /// What the threads need; they keep it, and not the store, so that the store ends when its owner lets go.
  final class Shared: Sendable {
    let root: FileDescriptor
    let path: String
    let queue: Monitor<(jobs: DirectoryStoreQueue<DirectoryStoreJob>, isStopped: Bool)>
    let listings = Monitor(DirectoryStoreListingCache())
    let nextID = Atomic<UInt64>(0)

    init(root: consuming FileDescriptor, path: String) {
      self.root = root
      self.path = path
      queue = Monitor((DirectoryStoreQueue(threads: DirectoryStore.threadCount), false))
    }
  }

  static let threadCount = 4
  private let shared: Shared

  package var canList: Bool { true }

  /// Opens the directory. `misconfigured` when that fails.
  package init(path: String) throws(StoreError) {
    do throws(Errno) {
      let root = try FileDescriptor.open(path, O_RDONLY | O_DIRECTORY)
      shared = Shared(root: root, path: path)
      for number in 0..<Self.threadCount {
        let shared = self.shared
        try Thread.startDetached("directory-\(number)", stackSize: 2 << 20) { Self.serve(shared) }
      }
    } catch {
      throw StoreError(.misconfigured, "file://\(path) cannot be opened: \(error); check the path and its permissions")
    }
  }

  deinit { shared.queue.withLockNotifying { $0.isStopped = true } }

  @discardableResult
  package func get(_ request: GetRequest, to receiver: any GetReceiver) -> any Transfer {
    enqueue(.get(request, receiver), request.priority)
  }

  @discardableResult
  package func head(
    _ key: ObjectKey, priority: TransferPriority,
    _ completion: @escaping @Sendable (Result<ObjectVersion, StoreError>) -> Void
  ) -> any Transfer {
    enqueue(.head(key, completion), priority)
  }

  @discardableResult
  package func list(
    _ request: ListRequest, _ completion: @escaping @Sendable (Result<ListPage, StoreError>) -> Void
  ) -> any Transfer {
    enqueue(.list(request, completion), request.priority)
  }

  private func enqueue(_ work: DirectoryStoreJob.Work, _ priority: TransferPriority) -> any Transfer {
    let id = shared.nextID.wrappingAdd(1, ordering: .relaxed).newValue
    let transfer = DirectoryStoreTransfer(id, shared)
    let job = DirectoryStoreJob(work: work, transfer: transfer)
    shared.queue.withLockNotifying { $0.jobs.add(job, id: id, priority: priority) }
    return transfer
  }

  private static func serve(_ shared: Shared) {
    while true {
      let taken = shared.queue.wait { state -> (left: [DirectoryStoreJob], next: DirectoryStoreJob?)? in
        if state.isStopped { return (state.jobs.removeAll(), nil) }
        return state.jobs.next().map { ([], $0.job) }
      }
      guard let job = taken.next else {
        for job in taken.left { job.fail(DirectoryStoreTransfer.cancelled) }
        return
      }
      shared.run(job)
      shared.queue.withLockNotifying { $0.jobs.finished(job.transfer.id) }
    }
  }
}

/// A request to a `DirectoryStore`: what is to be done for whom. The queue and its thread hold it, the caller does not.
struct DirectoryStoreJob: Sendable {
  enum Work: Sendable {
    case get(GetRequest, any GetReceiver)
    case head(ObjectKey, @Sendable (Result<ObjectVersion, StoreError>) -> Void)
    case list(ListRequest, @Sendable (Result<ListPage, StoreError>) -> Void)
  }

  var work: Work
  var transfer: DirectoryStoreTransfer

  func fail(_ error: StoreError) {
    switch work {
    case .get(_, let receiver): receiver.end(error)
    case .head(_, let completion): completion(.failure(error))
    case .list(_, let completion): completion(.failure(error))
    }
  }
}

/// The caller's end of a request to a `DirectoryStore`. Holds nobody who may hold it.
final class DirectoryStoreTransfer: Transfer {
  let id: UInt64
  private let shared: DirectoryStore.Shared
  private let cancellation = Atomic(false)

  init(_ id: UInt64, _ shared: DirectoryStore.Shared) {
    self.id = id
    self.shared = shared
  }

  static var cancelled: StoreError { StoreError(.cancelled, "cancelled") }
  var isCancelled: Bool { cancellation.load(ordering: .relaxed) }

  func cancel() {
    cancellation.store(true, ordering: .relaxed)
    shared.queue.withLockNotifying { $0.jobs.hasten(id) }
  }

  func promote() { shared.queue.withLockNotifying { $0.jobs.promote(id) } }
}
