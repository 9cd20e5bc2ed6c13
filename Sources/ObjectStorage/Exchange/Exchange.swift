import Synchronization

/// What takes a successful response. Called on the transfer thread.
protocol ResponseHandler: AnyObject, Sendable {
  /// Status 2xx. false: no more is wanted.
  func accept(_ head: HTTPResponseHead) -> Bool
  func body(_ bytes: UnsafeRawBufferPointer) -> Bool
}

/// One request and its response: a success goes to the handler, an error's body is collected and read.
final class Exchange: HTTPResponseSink, @unchecked Sendable {
  enum Result: Sendable {
    /// The handler got all of it.
    case complete
    /// The handler wanted no more.
    case refused
    /// An error status.
    case status(ErrorReply)
    case failed(HTTPFailure)
  }

  private let handler: any ResponseHandler
  private let statistics: StoreStatistics
  private let completion: @Sendable (Result) -> Void
  // Transfer thread only: the head of an error, and as much of its body as is kept.
  private var errorHead: HTTPResponseHead?
  private var errorBody: [UInt8] = []

  init(
    _ handler: any ResponseHandler, _ statistics: StoreStatistics, _ completion: @escaping @Sendable (Result) -> Void
  ) {
    self.handler = handler
    self.statistics = statistics
    self.completion = completion
  }

  func head(_ head: HTTPResponseHead) -> Bool {
    if (200..<300).contains(head.status) { return handler.accept(head) }
    errorHead = head
    return true
  }

  func body(_ bytes: UnsafeRawBufferPointer) -> Bool {
    statistics.countBytes(bytes.count)
    guard errorHead != nil else { return handler.body(bytes) }
    errorBody += bytes.prefix(ErrorReply.limit - errorBody.count)
    return errorBody.count < ErrorReply.limit
  }

  func end(_ failure: HTTPFailure?) {
    if let errorHead, failure?.kind != .cancelled {
      // The status is the answer, even if the explanation broke off.
      completion(.status(ErrorReply(head: errorHead, body: errorBody)))
    } else if let failure {
      completion(failure.kind == .refusedBySink ? .refused : .failed(failure))
    } else {
      completion(.complete)
    }
  }
}

/// For responses of which the head is all that matters.
final class HeadHandler: ResponseHandler, @unchecked Sendable {
  /// Transfer thread only.
  private(set) var head: HTTPResponseHead?
  private let wantsBody: Bool

  /// `wantsBody`: false closes the connection before the body comes (a GET in place of a HEAD).
  init(wantsBody: Bool = true) { self.wantsBody = wantsBody }

  func accept(_ head: HTTPResponseHead) -> Bool {
    self.head = head
    return wantsBody
  }

  func body(_ bytes: UnsafeRawBufferPointer) -> Bool { wantsBody }
}
