package import Platform

/// AWS Signature Version 4 in headers, for S3: the path is encoded once and never normalised. Pure; the time is a
/// parameter. Why not libcurl's own: `docs/decisions/002-signing.md`.
package struct SigV4Signer: Sendable {
  package var region: String
  package var service: String

  package init(region: String, service: String = "s3") {
    self.region = region
    self.service = service
  }

  /// What is signed: exactly what is sent.
  package struct Request: Sendable {
    package var method: String
    /// The value of the `Host` header.
    package var host: String
    /// Encoded, beginning with a slash.
    package var path: String
    /// Not encoded.
    package var query: [(name: String, value: String)]
    /// To be signed beside those that the signer adds.
    package var headers: [(name: String, value: String)]
    package var bodyDigest: String

    package init(
      method: String, host: String, path: String, query: [(name: String, value: String)] = [],
      headers: [(name: String, value: String)] = [], bodyDigest: String = SigV4Signer.emptyDigest
    ) {
      self.method = method
      self.host = host
      self.path = path
      self.query = query
      self.headers = headers
      self.bodyDigest = bodyDigest
    }
  }

  /// SHA-256 of no bytes.
  package static let emptyDigest = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

  /// The query as it is to be sent: encoded, sorted by encoded name, then value.
  package static func canonicalQuery(_ query: [(name: String, value: String)]) -> String {
    query.map { pair in
      (
        PercentEncoding.encode(pair.name.utf8, keepingSlashes: false),
        PercentEncoding.encode(pair.value.utf8, keepingSlashes: false)
      )
    }
    .sorted {
      $0.0 == $1.0
        ? Array($0.1.utf8).lexicographicallyPrecedes($1.1.utf8) : Array($0.0.utf8).lexicographicallyPrecedes($1.0.utf8)
    }
    .map { "\($0.0)=\($0.1)" }
    .joined(separator: "&")
  }

  /// The headers to send beside `request.headers`: `x-amz-date`, for S3 `x-amz-content-sha256`, with temporary
  /// credentials `x-amz-security-token`, and `Authorization`.
  package func headers(
    for request: Request, with credentials: Credentials, at now: WallTime
  ) -> [(name: String, value: String)] {
    let date = CivilTime(now).compact
    var added: [(name: String, value: String)] = [("x-amz-date", date)]
    if service == "s3" { added.append(("x-amz-content-sha256", request.bodyDigest)) }
    if let token = credentials.sessionToken { added.append(("x-amz-security-token", token)) }

    let signed = ([("host", request.host)] + request.headers + added)
      .map { (name: $0.0.lowercased(), value: Self.collapsed($0.1)) }
      .sorted { Array($0.name.utf8).lexicographicallyPrecedes($1.name.utf8) }
    let names = signed.map(\.name).joined(separator: ";")
    let canonical =
      [request.method, request.path, Self.canonicalQuery(request.query)].joined(separator: "\n") + "\n"
      + signed.map { "\($0.name):\($0.value)\n" }.joined() + "\n\(names)\n\(request.bodyDigest)"

    let day = String(date.prefix(8))
    let scope = "\(day)/\(region)/\(service)/aws4_request"
    let text = "AWS4-HMAC-SHA256\n\(date)\n\(scope)\n\(SHA256.hex(SHA256.digest(Array(canonical.utf8))))"
    var key = Array("AWS4\(credentials.secretKey)".utf8)
    for part in [day, region, service, "aws4_request"] { key = SHA256.authenticate(Array(part.utf8), key: key) }
    let signature = SHA256.hex(SHA256.authenticate(Array(text.utf8), key: key))
    added.append(
      (
        "Authorization",
        "AWS4-HMAC-SHA256 Credential=\(credentials.accessKey)/\(scope),SignedHeaders=\(names),Signature=\(signature)"
      ))
    return added
  }

  /// Without blanks at the ends, runs of blanks as one.
  private static func collapsed(_ value: String) -> String {
    value.split(separator: " ").joined(separator: " ")
  }
}
