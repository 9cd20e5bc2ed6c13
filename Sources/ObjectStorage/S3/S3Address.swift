/// Where a bucket answers, and how its objects are addressed. Pure.
package struct S3Address: Equatable, Sendable {
  package enum Style: Equatable, Sendable {
    /// Path style with an endpoint of one's own, or where a bucket's dots would not match a certificate.
    case automatic
    case path
    case virtualHost
  }

  package let bucket: String
  /// `--endpoint-url`, without a slash at its end; nil: AWS, by region.
  private let endpoint: URLParts?
  private let usesPath: Bool

  /// Throws `misconfigured` for an endpoint that is not `http(s)://HOST[:PORT][/PATH]`.
  package init(bucket: String, endpoint: String?, style: Style) throws(StoreError) {
    self.bucket = bucket
    if let endpoint {
      guard var parts = URLParts(endpoint), parts.scheme == "http" || parts.scheme == "https", !parts.host.isEmpty,
        parts.login == nil, parts.query == nil, parts.fragment == nil
      else {
        throw StoreError(
          .misconfigured, "the endpoint is not a plain URL: write --endpoint-url https://HOST[:PORT]")
      }
      while parts.path.hasSuffix("/") { parts.path.removeLast() }
      self.endpoint = parts
    } else {
      self.endpoint = nil
    }
    switch style {
    case .automatic: usesPath = endpoint != nil || bucket.contains(".") || bucket.contains("_")
    case .path: usesPath = true
    case .virtualHost: usesPath = false
    }
  }

  /// A request's target: what is signed and what is sent.
  package struct Target: Equatable, Sendable {
    package var scheme: String
    package var host: String
    /// Encoded.
    package var path: String

    package func url(query: String) -> String { "\(scheme)://\(host)\(path)" + (query.isEmpty ? "" : "?\(query)") }
  }

  /// `key` is the whole key in the bucket; nil: the bucket itself.
  package func target(key: [UInt8]?, region: String) -> Target {
    let scheme = endpoint?.scheme ?? "https"
    var host = endpoint?.authority ?? Self.host(of: region)
    var path = endpoint?.path ?? ""
    if usesPath {
      path += "/\(PercentEncoding.encode(bucket.utf8, keepingSlashes: false))"
    } else {
      host = "\(bucket).\(host)"
    }
    if let key {
      path += "/" + PercentEncoding.encode(key, keepingSlashes: true)
    } else if path.isEmpty {
      path = "/"
    }
    return Target(scheme: scheme, host: host, path: path)
  }

  private static func host(of region: String) -> String {
    "s3.\(region).amazonaws.com" + (region.hasPrefix("cn-") ? ".cn" : "")
  }

  /// Whether a region can be part of a host name: it may come from a response.
  package static func isRegion(_ text: String) -> Bool {
    !text.isEmpty && text.utf8.count <= 64
      && text.utf8.allSatisfy {
        $0 == UInt8(ascii: "-") || (UInt8(ascii: "a")...UInt8(ascii: "z")).contains($0)
          || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0)
      }
  }
}
