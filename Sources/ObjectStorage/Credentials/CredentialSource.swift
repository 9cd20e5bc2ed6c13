/// Where credentials come from.
package protocol CredentialSource: AnyObject, Sendable {
  /// Answers once, on any thread, perhaps on the caller's stack. nil: requests go unsigned.
  func credentials(_ completion: @escaping @Sendable (Result<Credentials?, StoreError>) -> Void)
  /// The remote refused what was last given (expired early, revoked): get new ones.
  func invalidate()
}
