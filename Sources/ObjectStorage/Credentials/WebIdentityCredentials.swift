import Platform

/// A token file exchanged for credentials at the security token service (STS AssumeRoleWithWebIdentity): EKS, and CI
/// systems with OpenID Connect.
struct WebIdentityCredentials: CredentialProvider {
  let context: CredentialContext
  /// Read for each exchange: it is rotated.
  let tokenFile: String
  let role: String
  let session: String?
  let region: String?

  var name: String { "web identity" }

  init(context: CredentialContext, tokenFile: String, role: String, session: String?, region: String?) {
    self.context = context
    self.tokenFile = tokenFile
    self.role = role
    self.session = session
    self.region = region
  }

  /// By `AWS_WEB_IDENTITY_TOKEN_FILE`, `AWS_ROLE_ARN` and `AWS_ROLE_SESSION_NAME`; nil where they are not set.
  static func fromEnvironment(_ context: CredentialContext) throws(StoreError) -> WebIdentityCredentials? {
    guard let file = context.variable("AWS_WEB_IDENTITY_TOKEN_FILE") else { return nil }
    guard let role = context.variable("AWS_ROLE_ARN") else {
      throw StoreError(.misconfigured, "AWS_WEB_IDENTITY_TOKEN_FILE is set without AWS_ROLE_ARN; set both or neither")
    }
    return WebIdentityCredentials(
      context: context, tokenFile: context.expanding(file), role: role,
      session: context.variable("AWS_ROLE_SESSION_NAME"), region: nil)
  }

  func credentials() throws(StoreError) -> Credentials? {
    guard let file = try context.file(tokenFile) else {
      throw StoreError(.misconfigured, "the web identity token file \(tokenFile) does not exist")
    }
    let token = String(decoding: file, as: UTF8.self).split(whereSeparator: \.isWhitespace).first.map(String.init) ?? ""
    guard !token.isEmpty else { throw StoreError(.misconfigured, "the web identity token file \(tokenFile) is empty") }

    let endpoint = try self.endpoint()
    var request = CredentialHTTPRequest("POST", endpoint)
    request.headers = [
      ("Content-Type", "application/x-www-form-urlencoded"), ("Accept", "application/xml"),
    ]
    let fields = [
      ("Action", "AssumeRoleWithWebIdentity"), ("Version", "2011-06-15"), ("RoleArn", role),
      ("RoleSessionName", session ?? "zarrfs-\(context.time.now().milliseconds)"), ("WebIdentityToken", token),
    ]
    request.body = Array(fields.map { "\($0)=\(Self.encoded($1))" }.joined(separator: "&").utf8)
    let response = try context.http.send(request)
    let text = String(decoding: response.body, as: UTF8.self)
    guard response.status == 200 else {
      let code = Self.element("Code", in: text[...]).map { " (\($0.prefix(64)))" } ?? ""
      throw response.failure(endpoint, "\(code) to the web identity token of \(tokenFile) for the role \(role)")
    }
    guard let part = Self.element("Credentials", in: text[...]),
      let key = Self.element("AccessKeyId", in: part[...]), let secret = Self.element("SecretAccessKey", in: part[...]),
      let sessionToken = Self.element("SessionToken", in: part[...]),
      let expires = Self.element("Expiration", in: part[...]).flatMap({ CredentialDocument.time($0) })
    else { throw StoreError(.rejected, "\(endpoint) did not answer with the XML of credentials") }
    return Credentials(accessKey: key, secretKey: secret, sessionToken: sessionToken, expires: expires)
  }

  /// `AWS_ENDPOINT_URL_STS`, else the region's, else the global one.
  private func endpoint() throws(StoreError) -> String {
    if let url = context.variable("AWS_ENDPOINT_URL_STS") { return url.hasSuffix("/") ? url : url + "/" }
    let region = context.variable("AWS_REGION") ?? context.variable("AWS_DEFAULT_REGION") ?? self.region
    guard let region else { return "https://sts.amazonaws.com/" }
    guard region.utf8.allSatisfy({ (48...57).contains($0) || (97...122).contains($0) || $0 == 45 }) else {
      throw StoreError(.misconfigured, "the region \(region) is no region's name")
    }
    return "https://sts.\(region).amazonaws.com\(region.hasPrefix("cn-") ? ".cn" : "")/"
  }

  /// RFC 3986, 2.3: all but the unreserved characters.
  private static func encoded(_ text: String) -> String {
    let digits = Array("0123456789ABCDEF".utf8)
    var result: [UInt8] = []
    for byte in text.utf8 {
      switch byte {
      case UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "a")...UInt8(ascii: "z"),
        UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"),
        UInt8(ascii: "~"):
        result.append(byte)
      default: result += [UInt8(ascii: "%"), digits[Int(byte >> 4)], digits[Int(byte & 15)]]
      }
    }
    return String(decoding: result, as: UTF8.self)
  }

  /// The text of the first element of a name. The answer is small and of a fixed form, without attributes, and its
  /// values (base64, times) have no entities: no parser is needed.
  private static func element(_ name: String, in text: Substring) -> String? {
    guard let open = Self.range(of: "<\(name)>", in: text),
      let close = Self.range(of: "</\(name)>", in: text[open.upperBound...])
    else { return nil }
    return String(text[open.upperBound..<close.lowerBound])
  }

  private static func range(of part: String, in text: Substring) -> Range<Substring.Index>? {
    var rest = text
    while let start = rest.firstIndex(of: "<") {
      if rest[start...].hasPrefix(part) { return start..<rest.index(start, offsetBy: part.count) }
      rest = rest[rest.index(after: start)...]
    }
    return nil
  }
}
