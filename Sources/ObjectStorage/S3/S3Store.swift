package import Objects
package import Platform

/// A bucket behind the S3 protocol: AWS, GCS's XML endpoint, and every compatible server.
///
/// Requests are signed where there are credentials, for the region that is known; a response that tells another region
/// is learned from and the request repeated, to the host of that region: never to a host that a response named.
package final class S3Store: ObjectStore, CheckableStore {
  package struct Options: Sendable {
    package var bucket: String
    /// What is mounted of it: empty, or ending with a slash.
    package var prefix = ObjectKey.root
    /// `--endpoint-url`; nil: AWS.
    package var endpoint: String?
    package var style = S3Address.Style.automatic
    /// nil: found out from the responses, from `us-east-1` on.
    package var region: String?
    /// Whoever asks pays (`x-amz-request-payer`).
    package var requestPayer = false
    /// Google's service: objects stored compressed are asked for as they are (it would decompress them otherwise).
    package var isGoogle = false

    package init(bucket: String) { self.bucket = bucket }

    /// `gs://`: the S3-compatible XML endpoint.
    package static func google(bucket: String) -> Options {
      var options = Options(bucket: bucket)
      options.endpoint = "https://storage.googleapis.com"
      options.region = "auto"
      options.isGoogle = true
      return options
    }
  }

  package let canList = true
  let options: Options
  let address: S3Address
  let client: HTTPClient
  let credentials: any CredentialSource
  let statistics: StoreStatistics
  let time: any TimeSource
  /// Learned from responses; begins with `options.region`.
  let region: Monitor<String>

  /// Throws `misconfigured` for an endpoint or a region that cannot be.
  package init(
    _ options: Options, client: HTTPClient, credentials: any CredentialSource, statistics: StoreStatistics,
    time: any TimeSource
  ) throws(StoreError) {
    self.options = options
    address = try S3Address(bucket: options.bucket, endpoint: options.endpoint, style: options.style)
    if let region = options.region, options.endpoint == nil, !S3Address.isRegion(region) {
      throw StoreError(.misconfigured, "there is no region '\(region)': write --region us-east-1 or the like")
    }
    self.client = client
    self.credentials = credentials
    self.statistics = statistics
    self.time = time
    region = Monitor(options.region ?? "us-east-1")
  }

  @discardableResult
  package func get(_ request: GetRequest, to receiver: any GetReceiver) -> any Transfer {
    let chain = TransferChain(request.priority)
    guard !request.isEmpty else {
      getNothing(request, chain, to: receiver)
      return chain
    }
    var message = S3Message(.get, key: request.key)
    message.headers = request.headers
    // Offered for whole objects, if they were uploaded with one.
    if request.beginsAtZero || request.range == .whole { message.headers.append(("x-amz-checksum-mode", "ENABLED")) }
    send(message, chain) { place in
      GetHandler(request, at: place, to: receiver)
    } completion: { [self] handler, place, result in
      switch result {
      case .success(.complete), .success(.refused): end(handler.failure, receiver)
      case .success(.status(let reply)) where reply.head.status == 416:
        if request.beginsAtZero, reply.actualSize ?? 0 == 0 { return getNothing(request, chain, to: receiver) }
        var error = place.error(reply, now: time.now())
        error.kind = .unsatisfiable(size: reply.actualSize)
        end(error, receiver)
      case .success(.status(let reply)): end(place.error(reply, now: time.now()), receiver)
      case .success(.failed(let failure)): end(place.error(failure), receiver)
      case .failure(let error): end(error, receiver)
      }
    }
    return chain
  }

  /// An object without bytes has no range to ask for: its version comes from a HEAD.
  private func getNothing(_ request: GetRequest, _ chain: TransferChain, to receiver: any GetReceiver) {
    head(request.key, chain) { [self] result in
      switch result {
      case .failure(let error): receiver.end(error)
      case .success(let version):
        end(EmptyGet.answer(version, request, "\(address.bucket): \(request.key)", to: receiver), receiver)
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
    send(S3Message(.head, key: key), chain) { _ in
      HeadHandler()
    } completion: { [self] handler, place, result in
      completion(
        counted(
          complete(result, place).flatMap { _ in
            guard let head = handler.head else { return .failure(place.error(.garbled, "no response")) }
            return Result { () throws(StoreError) in
              ObjectResponse.version(head, size: try ObjectResponse.size(ofHead: head, at: place))
            }
          }))
    }
  }

  @discardableResult
  package func list(
    _ request: ListRequest, _ completion: @escaping @Sendable (Result<ListPage, StoreError>) -> Void
  ) -> any Transfer {
    let chain = TransferChain(request.priority)
    var message = S3Message(.get, key: nil)
    message.query = [
      ("list-type", "2"), ("encoding-type", "url"), ("max-keys", "\(min(1000, max(1, request.limit)))"),
      ("prefix", String(decoding: options.prefix.bytes + request.prefix.bytes, as: UTF8.self)),
    ]
    if request.delimited { message.query.append(("delimiter", "/")) }
    if let continuation = request.continuation { message.query.append(("continuation-token", continuation)) }
    let question = ListingParser.Question(
      mount: options.prefix, prefix: request.prefix, delimited: request.delimited, continuation: request.continuation)
    send(message, chain) { place in
      ListHandler(question, at: place)
    } completion: { [self] handler, place, result in
      completion(
        counted(
          complete(result, place).flatMap { _ in
            let page = handler.page()
            statistics.countDropped(handler.dropped)
            return page
          }))
    }
    return chain
  }

  /// Only a complete (or refused by its handler) response goes on.
  private func complete(_ result: Result<Exchange.Result, StoreError>, _ place: Place) -> Result<Void, StoreError> {
    switch result {
    case .success(.complete), .success(.refused): .success(())
    // No range was asked for.
    case .success(.status(let reply)) where reply.head.status == 416:
      .failure(place.error(.garbled, "the server answered 416 without a range", reply.head))
    case .success(.status(let reply)): .failure(place.error(reply, now: time.now()))
    case .success(.failed(let failure)): .failure(place.error(failure))
    case .failure(let error): .failure(error)
    }
  }

  private func end(_ failure: StoreError?, _ receiver: any GetReceiver) {
    if let failure { count(failure) }
    receiver.end(failure)
  }

  private func counted<Value>(_ result: Result<Value, StoreError>) -> Result<Value, StoreError> {
    if case .failure(let error) = result { count(error) }
    return result
  }

  private func count(_ error: StoreError) {
    if error.isFault { statistics.countError() }
  }
}

/// Takes a listing's page.
private final class ListHandler: ResponseHandler, @unchecked Sendable {
  private let place: Place
  // Transfer thread only.
  private let parser: ListingParser
  private var failure: ListingParser.Failure?

  init(_ question: ListingParser.Question, at place: Place) {
    parser = ListingParser(question)
    self.place = place
  }

  var dropped: Int { parser.dropped }

  func accept(_ head: HTTPResponseHead) -> Bool { true }

  func body(_ bytes: UnsafeRawBufferPointer) -> Bool {
    do throws(ListingParser.Failure) {
      try parser.feed(bytes)
      return true
    } catch {
      failure = error
      return false
    }
  }

  func page() -> Result<ListPage, StoreError> {
    do throws(ListingParser.Failure) {
      if let failure { throw failure }
      return .success(try parser.finish())
    } catch {
      switch error {
      case .incomplete: return .failure(place.error(.unavailable, "the listing ended early"))
      case .garbled(let problem): return .failure(place.error(.garbled, problem))
      case .rejected(let problem): return .failure(place.error(.rejected, problem))
      case .remote(let code):
        return .failure(place.error(.unavailable, "the server failed (\(Place.printable(code, limit: 100)))"))
      }
    }
  }
}
