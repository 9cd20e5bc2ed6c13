package import Objects
package import Platform

/// Writes a line for each request that a store answers, at the level `debug`: what was asked, how long it took, what came.
/// Below `RetryingStore` and `HedgingStore`: each try is a line. Shows keys, never credentials.
package final class LoggingStore: ObjectStore {
  private let store: any ObjectStore
  private let time: any TimeSource
  private let log: Log

  package init(_ store: any ObjectStore, time: any TimeSource, log: Log) {
    self.store = store
    self.time = time
    self.log = log
  }

  package var canList: Bool { store.canList }

  @discardableResult
  package func get(_ request: GetRequest, to receiver: any GetReceiver) -> any Transfer {
    store.get(request, to: LoggedReceiver(receiver, line("GET", request.key, request.shown + shown(request.priority))))
  }

  @discardableResult
  package func head(
    _ key: ObjectKey, priority: TransferPriority,
    _ completion: @escaping @Sendable (Result<ObjectVersion, StoreError>) -> Void
  ) -> any Transfer {
    let line = line("HEAD", key, shown(priority))
    return store.head(key, priority: priority) { result in
      line(result) { [("size", "\($0.size)")] }
      completion(result)
    }
  }

  @discardableResult
  package func list(
    _ request: ListRequest, _ completion: @escaping @Sendable (Result<ListPage, StoreError>) -> Void
  ) -> any Transfer {
    let page = request.continuation == nil ? "first" : "next"
    let fields = [("delimiter", request.delimited ? "/" : ""), ("page", page)]
    let line = line("LIST", request.prefix, fields + shown(request.priority))
    return store.list(request) { result in
      line(result) { page in
        [("objects", "\(page.objects.count)"), ("directories", "\(page.prefixes.count)")]
          + [("more", page.continuation == nil ? "no" : "yes")]
      }
      completion(result)
    }
  }

  private func shown(_ priority: TransferPriority) -> [(String, String)] { [("priority", "\(priority)")] }

  private func line(_ method: String, _ key: ObjectKey, _ fields: [(String, String)]) -> RequestLine {
    RequestLine(
      fields: [("method", method), ("key", "\(key)")] + fields, began: time.monotonic(), time: time, log: log)
  }
}

/// Counts what goes through.
private final class LoggedReceiver: GetReceiver, @unchecked Sendable {
  private let receiver: any GetReceiver
  private let line: RequestLine
  // Called from one thread at a time.
  private var count = 0

  init(_ receiver: any GetReceiver, _ line: RequestLine) {
    self.receiver = receiver
    self.line = line
  }

  func begin(_ head: GetHead) { receiver.begin(head) }

  func append(_ bytes: UnsafeRawBufferPointer) {
    count += bytes.count
    receiver.append(bytes)
  }

  func end(_ failure: StoreError?) {
    let count = count
    line(failure.map { .failure($0) } ?? .success(count)) { [("bytes", "\($0)")] }
    receiver.end(failure)
  }
}

extension GetRequest {
  /// The range as a Range header has it.
  fileprivate var shown: [(String, String)] {
    switch range {
    case .whole: []
    case .bytes(let range): [("range", "\(range.lowerBound)-\(range.upperBound - 1)")]
    case .suffix(let count): [("range", "-\(count)")]
    }
  }
}
