/// A store that can tell at mount whether it will work.
package protocol CheckableStore: AnyObject, Sendable {
  /// Asks the remote once. A failure's message is a sentence for the person at the terminal.
  @discardableResult
  func check(_ completion: @escaping @Sendable (Result<StoreCheck, StoreError>) -> Void) -> any Transfer
}

package enum StoreCheck: Sendable {
  /// It answers. The first page of its root; nil where it does not list.
  case ready(ListPage?)
  /// It answers, and nothing lies below the prefix.
  case empty
  /// Names may not be listed; objects perhaps may be read. The error says why.
  case listingDenied(StoreError)
}
