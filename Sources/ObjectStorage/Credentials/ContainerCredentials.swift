import Platform

/// The endpoint that ECS and EKS Pod Identity give a container.
struct ContainerCredentials: CredentialProvider {
  let context: CredentialContext
  var name: String { "container" }

  func credentials() throws(StoreError) -> Credentials? {
    let url: String
    if let path = context.variable("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI") {
      guard path.hasPrefix("/") else {
        throw StoreError(.misconfigured, "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI does not begin with a slash")
      }
      url = "http://169.254.170.2\(path)"
    } else if let full = context.variable("AWS_CONTAINER_CREDENTIALS_FULL_URI") {
      guard Self.isTrusted(full) else {
        throw StoreError(
          .misconfigured,
          "AWS_CONTAINER_CREDENTIALS_FULL_URI is neither https nor on the loopback or the container host's address")
      }
      url = full
    } else {
      return nil
    }
    var request = CredentialHTTPRequest("GET", url)
    request.connectTimeout = .seconds(2)
    request.isDirect = true
    request.headers = [("Accept", "application/json")]
    if let token = try self.token() { request.headers.append(("Authorization", token)) }
    let response = try context.http.send(request)
    guard response.status == 200 else { throw response.failure("the container's credentials endpoint") }
    let source = "the container's credentials endpoint"
    return try CredentialDocument(response.body, from: source).credentials(from: source)
  }

  private func token() throws(StoreError) -> String? {
    guard let path = context.variable("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE") else {
      return context.variable("AWS_CONTAINER_AUTHORIZATION_TOKEN")
    }
    guard let bytes = try context.file(path) else {
      throw StoreError(.misconfigured, "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE names \(path), which does not exist")
    }
    var token = String(decoding: bytes, as: UTF8.self)
    while let last = token.last, last.isWhitespace { token.removeLast() }
    return token
  }

  /// https to anywhere; http only to this machine and to the fixed addresses of ECS and EKS.
  static func isTrusted(_ url: String) -> Bool {
    if url.hasPrefix("https://") { return true }
    guard url.hasPrefix("http://") else { return false }
    let authority = url.dropFirst("http://".count).prefix { !"/?#\\".contains($0) }
    // A name before an at sign is a user, and what follows the host.
    guard !authority.contains("@") else { return false }
    var host = String(authority.prefix { $0 != ":" })
    if authority.first == "[" { host = authority.dropFirst().prefix { $0 != "]" }.lowercased() }
    if ["localhost", "::1", "169.254.170.2", "169.254.170.23", "fd00:ec2::23"].contains(host) { return true }
    let numbers = host.split(separator: ".", omittingEmptySubsequences: false)
    return numbers.count == 4 && numbers[0] == "127" && numbers.allSatisfy { UInt8($0) != nil }
  }
}
