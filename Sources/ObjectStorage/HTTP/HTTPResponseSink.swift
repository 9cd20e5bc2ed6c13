/// Where a response goes. Called on the loop's thread; must not block.
package protocol HTTPResponseSink: AnyObject, Sendable {
  /// The final response began. false: no more is wanted, and `end` follows with `refusedBySink`.
  func head(_ head: HTTPResponseHead) -> Bool
  /// The next bytes, valid during the call only. false as above.
  func body(_ bytes: UnsafeRawBufferPointer) -> Bool
  /// Exactly once, last. nil: the response is complete.
  func end(_ failure: HTTPFailure?)
}
