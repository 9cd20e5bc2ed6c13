package import Platform

/// What signs requests. It has no description on purpose: nothing may print it.
package struct Credentials: Sendable {
  package var accessKey: String
  package var secretKey: String
  /// With temporary credentials; goes into `x-amz-security-token`.
  package var sessionToken: String?
  /// When they stop working; nil where they do not.
  package var expires: WallTime?

  package init(accessKey: String, secretKey: String, sessionToken: String? = nil, expires: WallTime? = nil) {
    self.accessKey = accessKey
    self.secretKey = secretKey
    self.sessionToken = sessionToken
    self.expires = expires
  }
}

/// Where credentials come from.
package protocol CredentialSource: AnyObject, Sendable {
  /// Answers once, on any thread, perhaps on the caller's stack. nil: requests go unsigned.
  func credentials(_ completion: @escaping @Sendable (Result<Credentials?, StoreError>) -> Void)
  /// The remote refused what was last given (expired early, revoked): get new ones.
  func invalidate()
}
