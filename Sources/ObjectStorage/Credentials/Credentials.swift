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
