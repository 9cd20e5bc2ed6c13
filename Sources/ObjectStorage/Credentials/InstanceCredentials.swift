import Platform

/// The instance metadata service of EC2, version 2: a session token first, then the role's credentials.
struct InstanceCredentials: CredentialProvider {
  let context: CredentialContext
  var name: String { "instance metadata" }

  func credentials() throws(StoreError) -> Credentials? {
    if context.variable("AWS_EC2_METADATA_DISABLED")?.lowercased() == "true" { return nil }
    let base = endpoint
    guard let token = try token(base) else { return nil }
    let roles = "\(base)/latest/meta-data/iam/security-credentials/"
    let names = try get(roles, token)
    // 404: an instance without a role.
    if names.status == 404 { return nil }
    guard names.status == 200 else { throw names.failure("the instance metadata service") }
    let lines = String(decoding: names.body, as: UTF8.self).split(whereSeparator: \.isNewline)
    // A role's name is [\w+=,.@-]{1,64} (IAM).
    guard let role = lines.first, role.utf8.allSatisfy({ $0 > 32 && $0 < 127 && $0 != UInt8(ascii: "/") }) else {
      return nil
    }
    let source = "the instance metadata service"
    let response = try get(roles + role, token)
    if response.status == 404 { return nil }
    guard response.status == 200 else { throw response.failure(source) }
    let document = try CredentialDocument(response.body, from: source)
    if let code = document.code, code != "Success" {
      throw StoreError(.unavailable, "\(source) has no credentials for the role \(role): \(code.prefix(64))")
    }
    return try document.credentials(from: source)
  }

  private var endpoint: String {
    if var url = context.variable("AWS_EC2_METADATA_SERVICE_ENDPOINT") {
      while url.hasSuffix("/") { url.removeLast() }
      return url
    }
    let isIPv6 = context.variable("AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE")?.lowercased() == "ipv6"
    return isIPv6 ? "http://[fd00:ec2::254]" : "http://169.254.169.254"
  }

  /// nil where nobody answers, or one who is no metadata service: this is not EC2.
  private func token(_ base: String) throws(StoreError) -> String? {
    var request = CredentialHTTPRequest("PUT", "\(base)/latest/api/token")
    request.headers = [("X-aws-ec2-metadata-token-ttl-seconds", "21600")]
    request.connectTimeout = .seconds(1)
    // In a container a hop too far, the answer never comes.
    request.timeout = .seconds(3)
    request.isDirect = true
    let response: CredentialHTTPResponse
    do throws(StoreError) { response = try context.http.send(request) } catch { return nil }
    if response.status >= 500 || response.status == 429 { throw response.failure("the instance metadata service") }
    guard response.status == 200 else { return nil }
    let token = String(decoding: response.body, as: UTF8.self)
    return token.isEmpty || token.utf8.contains { $0 <= 32 || $0 >= 127 } ? nil : token
  }

  private func get(_ url: String, _ token: String) throws(StoreError) -> CredentialHTTPResponse {
    var request = CredentialHTTPRequest("GET", url)
    request.headers = [("X-aws-ec2-metadata-token", token)]
    request.connectTimeout = .seconds(1)
    request.timeout = .seconds(5)
    request.isDirect = true
    return try context.http.send(request)
  }
}
