/// Sends requests over a `TransferLoop`: streamed to a sink, or collected.
package final class HTTPClient: Sendable {
  package let loop: TransferLoop

  package init(loop: TransferLoop) { self.loop = loop }

  @discardableResult
  package func send(_ request: HTTPRequest, to sink: any HTTPResponseSink) -> HTTPTransfer {
    loop.submit(request, to: sink)
  }

  package struct Response: Sendable {
    package var head: HTTPResponseHead
    package var body: [UInt8]

    package init(head: HTTPResponseHead, body: [UInt8]) {
      self.head = head
      self.body = body
    }
  }

  /// The whole response, for small ones: a body over `limit` bytes fails as malformed.
  @discardableResult
  package func send(
    _ request: HTTPRequest, limit: Int = 64 * 1024,
    _ completion: @escaping @Sendable (Result<Response, HTTPFailure>) -> Void
  ) -> HTTPTransfer {
    loop.submit(request, to: ResponseCollector(limit: limit, completion))
  }
}

/// Keeps a small response whole. Called on the transfer thread only.
private final class ResponseCollector: HTTPResponseSink, @unchecked Sendable {
  private let limit: Int
  private let completion: @Sendable (Result<HTTPClient.Response, HTTPFailure>) -> Void
  private var response = HTTPClient.Response(head: HTTPResponseHead(status: 0), body: [])

  init(limit: Int, _ completion: @escaping @Sendable (Result<HTTPClient.Response, HTTPFailure>) -> Void) {
    self.limit = limit
    self.completion = completion
  }

  func head(_ head: HTTPResponseHead) -> Bool {
    response.head = head
    return true
  }

  func body(_ bytes: UnsafeRawBufferPointer) -> Bool {
    guard response.body.count + bytes.count <= limit else { return false }
    response.body += bytes
    return true
  }

  func end(_ failure: HTTPFailure?) {
    switch failure {
    case nil: completion(.success(response))
    case let failure? where failure.kind == .refusedBySink:
      completion(.failure(HTTPFailure(.malformed, "the response is longer than \(limit) bytes")))
    case let failure?: completion(.failure(failure))
    }
  }
}
