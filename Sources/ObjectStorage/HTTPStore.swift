package import Objects
package import Platform
import Synchronization

/// Objects below a URL of a plain web server, by range requests (RFC 9110). There is no listing.
package final class HTTPStore: ObjectStore, CheckableStore {
  package let canList = false
  /// Hops of a redirect that are followed; login and Authorization stay with the first host.
  static let redirectLimit = 5

  private let base: SourceURL.HTTPBase
  private let client: HTTPClient
  private let statistics: StoreStatistics
  private let time: any TimeSource
  /// The server was seen to refuse HEAD: sizes come from a GET of one byte.
  private let refusesHead = Atomic<Bool>(false)

  package init(
    _ base: SourceURL.HTTPBase, client: HTTPClient, statistics: StoreStatistics, time: any TimeSource
  ) {
    self.base = base
    self.client = client
    self.statistics = statistics
    self.time = time
  }

  @discardableResult
  package func get(_ request: GetRequest, to receiver: any GetReceiver) -> any Transfer {
    let chain = TransferChain(request.priority)
    guard !request.isEmpty else {
      getNothing(request, chain, to: receiver)
      return chain
    }
    let message = self.request(.get, request.key, headers: request.headers, priority: request.priority)
    let place = Place(message)
    let handler = GetHandler(request, at: place, to: receiver)
    statistics.count(.get)
    let exchange = Exchange(handler, statistics) { [self] result in
      switch result {
      case .complete, .refused: end(handler.failure, receiver)
      case .status(let reply) where reply.head.status == 416:
        if request.beginsAtZero, reply.actualSize ?? 0 == 0 { return getNothing(request, chain, to: receiver) }
        var error = place.error(reply, now: time.now())
        error.kind = .unsatisfiable(size: reply.actualSize)
        end(error, receiver)
      case .status(let reply): end(place.error(reply, now: time.now()), receiver)
      case .failed(let failure): end(place.error(failure), receiver)
      }
    }
    chain.run { client.send(message, to: exchange) }
    return chain
  }

  /// An object without bytes has no range to ask for: its version comes from a HEAD.
  private func getNothing(_ request: GetRequest, _ chain: TransferChain, to receiver: any GetReceiver) {
    head(request.key, chain) { [self] result in
      switch result {
      case .failure(let error): receiver.end(error)
      case .success(let version):
        end(EmptyGet.answer(version, request, url(request.key, query: nil), to: receiver), receiver)
      }
    }
  }

  @discardableResult
  package func head(
    _ key: ObjectKey, priority: TransferPriority,
    _ completion: @escaping @Sendable (Result<ObjectVersion, StoreError>) -> Void
  ) -> any Transfer {
    let chain = TransferChain(priority)
    head(key, chain, completion)
    return chain
  }

  private func head(
    _ key: ObjectKey, _ chain: TransferChain,
    _ completion: @escaping @Sendable (Result<ObjectVersion, StoreError>) -> Void
  ) {
    if refusesHead.load(ordering: .relaxed) { return headByGet(key, chain, completion) }
    let message = request(.head, key, priority: chain.priority)
    let place = Place(message)
    let handler = HeadHandler()
    statistics.count(.head)
    let exchange = Exchange(handler, statistics) { [self] result in
      if case .status(let reply) = result, reply.head.status == 405 || reply.head.status == 501 {
        refusesHead.store(true, ordering: .relaxed)
        return headByGet(key, chain, completion)
      }
      completion(
        counted(
          version(result, handler, place) { head throws(StoreError) in
            try ObjectResponse.size(ofHead: head, at: place)
          }))
    }
    chain.run { client.send(message, to: exchange) }
  }

  /// A GET of the first byte tells the size in Content-Range. Where the server sends everything instead, the
  /// connection is closed after the head.
  private func headByGet(
    _ key: ObjectKey, _ chain: TransferChain,
    _ completion: @escaping @Sendable (Result<ObjectVersion, StoreError>) -> Void
  ) {
    let message = request(.get, key, headers: [("Range", "bytes=0-0")], priority: chain.priority)
    let place = Place(message)
    let handler = HeadHandler(wantsBody: false)
    statistics.count(.get)
    let exchange = Exchange(handler, statistics) { [self] result in
      if case .status(let reply) = result, reply.head.status == 416, reply.actualSize == 0 {
        return completion(.success(ObjectResponse.version(reply.head, size: 0)))
      }
      completion(
        counted(
          version(result, handler, place) { head throws(StoreError) in
            if head.status != 206 { return try ObjectResponse.size(ofHead: head, at: place) }
            guard let size = ContentRange(head["content-range"] ?? "")?.size else {
              throw place.error(.rejected, "the server does not tell the object's size (Content-Range)", head)
            }
            return size
          }))
    }
    chain.run { client.send(message, to: exchange) }
  }

  private func version(
    _ result: Exchange.Result, _ handler: HeadHandler, _ place: Place,
    size: (HTTPResponseHead) throws(StoreError) -> Int64
  ) -> Result<ObjectVersion, StoreError> {
    switch result {
    case .complete, .refused:
      guard let head = handler.head else { return .failure(place.error(.garbled, "no response")) }
      return Result { () throws(StoreError) in ObjectResponse.version(head, size: try size(head)) }
    case .status(let reply): return .failure(place.error(reply, now: time.now()))
    case .failed(let failure): return .failure(place.error(failure))
    }
  }

  @discardableResult
  package func list(
    _ request: ListRequest, _ completion: @escaping @Sendable (Result<ListPage, StoreError>) -> Void
  ) -> any Transfer {
    let error = StoreError(.rejected, "\(url(request.prefix, query: nil)): plain HTTP has no listing")
    client.loop.after(.zero) { completion(.failure(error)) }
    return TransferChain(request.priority)
  }

  /// Any answer to a HEAD of the base will do, for directories have no page of their own; but not a demand for a login.
  @discardableResult
  package func check(_ completion: @escaping @Sendable (Result<StoreCheck, StoreError>) -> Void) -> any Transfer {
    let message = request(.head, .root, priority: .demand)
    let place = Place(message)
    statistics.count(.head)
    let exchange = Exchange(HeadHandler(), statistics) { [self] result in
      switch result {
      case .status(let reply) where [401, 407].contains(reply.head.status) || reply.head.status >= 500:
        completion(counted(.failure(place.error(reply, now: time.now()))))
      case .failed(let failure): completion(counted(.failure(place.error(failure))))
      case .complete, .refused, .status: completion(.success(.ready(nil)))
      }
    }
    return client.send(message, to: exchange)
  }

  private func request(
    _ method: HTTPRequest.Method, _ key: ObjectKey, headers: [(name: String, value: String)] = [],
    priority: TransferPriority
  ) -> HTTPRequest {
    var request = HTTPRequest(
      method, url(key, query: base.query), headers: headers, priority: priority, redirects: Self.redirectLimit)
    if let user = base.user { request.login = (user, base.password ?? "") }
    return request
  }

  private func url(_ key: ObjectKey, query: String?) -> String {
    "\(base.scheme)://\(base.authority)\(base.path)" + PercentEncoding.encode(key.bytes, keepingSlashes: true)
      + (query.map { "?\($0)" } ?? "")
  }

  private func end(_ failure: StoreError?, _ receiver: any GetReceiver) {
    if let failure, failure.isFault { statistics.countError() }
    receiver.end(failure)
  }

  private func counted<Value>(_ result: Result<Value, StoreError>) -> Result<Value, StoreError> {
    if case .failure(let error) = result, error.isFault { statistics.countError() }
    return result
  }
}
