import Objects
import Platform

// How a message gets to the server: credentials, signature, and what is repeated at once because the first try taught
// something (the region, an expired session). Waiting and trying again is not done here: `RetryingStore` does.

extension S3Store {
  /// What was already learned for one message: each lesson is taken once.
  private struct Lessons: Sendable {
    var tookRegion = false
    var askedRegion = false
    var renewed = false
  }

  func send<Handler: ResponseHandler>(
    _ message: S3Message, _ chain: TransferChain, handler: @escaping @Sendable (Place) -> Handler,
    completion: @escaping @Sendable (Handler, Place, Result<Exchange.Result, StoreError>) -> Void
  ) {
    send(message, chain, Lessons(), handler, completion)
  }

  private func send<Handler: ResponseHandler>(
    _ message: S3Message, _ chain: TransferChain, _ lessons: Lessons,
    _ makeHandler: @escaping @Sendable (Place) -> Handler,
    _ completion: @escaping @Sendable (Handler, Place, Result<Exchange.Result, StoreError>) -> Void
  ) {
    credentials.credentials { [self] result in
      let region = region.withLock { $0 }
      let signer: Credentials?
      var problem: StoreError?
      switch result {
      case .success(let credentials): signer = credentials
      case .failure(let error): (signer, problem) = (nil, error)
      }
      let request = self.request(message, region: region, credentials: signer, priority: chain.priority)
      let place = Place(request, bucket: address.bucket, isSigned: signer != nil)
      let handler = makeHandler(place)
      if chain.isCancelled { problem = place.error(.cancelled, "cancelled") }
      if let problem {
        // Never on the caller's stack.
        client.loop.after(.zero) { completion(handler, place, .failure(problem)) }
        return
      }
      statistics.count(message.kind)
      let exchange = Exchange(handler, statistics) { [self] result in
        guard case .status(let reply) = result, !chain.isCancelled else {
          return completion(handler, place, .success(result))
        }
        var learned = lessons
        let lesson = lesson(of: reply, &learned, region: region, credentials: signer)
        let lessons = learned
        switch lesson {
        case nil: completion(handler, place, .success(result))
        case .again: send(message, chain, lessons, makeHandler, completion)
        case .askRegion:
          askRegion(chain) { [self] found in
            if found {
              send(message, chain, lessons, makeHandler, completion)
            } else {
              completion(handler, place, .success(result))
            }
          }
        }
      }
      chain.run { client.send(request, to: exchange) }
    }
  }

  private enum Lesson { case again, askRegion }

  private func lesson(
    of reply: ErrorReply, _ lessons: inout Lessons, region used: String, credentials signer: Credentials?
  ) -> Lesson? {
    let status = reply.head.status
    if [301, 307, 308, 400].contains(status), !lessons.tookRegion {
      if let told = reply.region, told != used, S3Address.isRegion(told) {
        lessons.tookRegion = true
        region.withLock { $0 = told }
        return .again
      }
      if status == 301, reply.region == nil, !lessons.askedRegion {
        lessons.askedRegion = true
        return .askRegion
      }
    }
    guard let signer, !lessons.renewed else { return nil }
    let hasExpired = ["ExpiredToken", "ExpiredTokenException", "InvalidToken", "TokenRefreshRequired"].contains(
      reply.code)
    // A HEAD has no body to say so: 400 with a session token is most likely an expired one.
    if hasExpired || (status == 400 && reply.code == nil && signer.sessionToken != nil) {
      lessons.renewed = true
      credentials.invalidate()
      return .again
    }
    return nil
  }

  /// HEAD of the bucket, unsigned: AWS tells the region even with a refusal.
  private func askRegion(_ chain: TransferChain, _ completion: @escaping @Sendable (Bool) -> Void) {
    let used = region.withLock { $0 }
    let request = request(S3Message(.head, key: nil), region: used, credentials: nil, priority: chain.priority)
    statistics.count(.head)
    chain.run {
      client.send(request) { [self] result in
        guard case .success(let response) = result, let told = response.head["x-amz-bucket-region"], told != used,
          S3Address.isRegion(told)
        else { return completion(false) }
        region.withLock { $0 = told }
        completion(true)
      }
    }
  }

  private func request(
    _ message: S3Message, region: String, credentials: Credentials?, priority: TransferPriority
  ) -> HTTPRequest {
    let target = address.target(key: message.key.map { options.prefix.bytes + $0.bytes }, region: region)
    var headers = message.headers
    if options.requestPayer { headers.append(("x-amz-request-payer", "requester")) }
    if let credentials {
      // No more than S3 demands: what a proxy may change or leave out (Range) must not break the signature.
      let signed = headers.filter { $0.name.lowercased().hasPrefix("x-amz-") }
      let signable = SigV4Signer.Request(
        method: message.method.rawValue, host: target.host, path: target.path, query: message.query, headers: signed)
      headers += SigV4Signer(region: region).headers(for: signable, with: credentials, at: time.now())
    }
    if options.isGoogle, message.key != nil { headers.append(("Accept-Encoding", "gzip")) }
    return HTTPRequest(
      message.method, target.url(query: SigV4Signer.canonicalQuery(message.query)), headers: headers, priority: priority
    )
  }
}
