/// `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY`, `AWS_SESSION_TOKEN`, `AWS_CREDENTIAL_EXPIRATION`.
struct EnvironmentCredentials: CredentialProvider {
  let context: CredentialContext
  var name: String { "environment" }

  func credentials() throws(StoreError) -> Credentials? {
    guard let key = context.variable("AWS_ACCESS_KEY_ID") else { return nil }
    guard let secret = context.variable("AWS_SECRET_ACCESS_KEY") else {
      throw StoreError(.misconfigured, "AWS_ACCESS_KEY_ID is set without AWS_SECRET_ACCESS_KEY; set both or neither")
    }
    return Credentials(
      accessKey: key, secretKey: secret, sessionToken: context.variable("AWS_SESSION_TOKEN"),
      expires: context.variable("AWS_CREDENTIAL_EXPIRATION").flatMap { CredentialDocument.time($0) })
  }
}
