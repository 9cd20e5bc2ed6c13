/// A READ, or a GET on lookup, that will be answered later.
package protocol PendingRead: AnyObject, Sendable {
  /// The reader gave up: answers `FetchFailure.interrupted` on this stack, unless the answer is already on its way.
  func interrupt()
}
