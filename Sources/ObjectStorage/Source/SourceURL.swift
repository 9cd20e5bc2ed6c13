package import Objects

/// What is mounted: the first argument of `zarrfs mount`. Pure.
package enum SourceURL: Equatable, Sendable {
  /// The prefix is empty, or ends with a slash.
  case s3(bucket: String, prefix: ObjectKey)
  case gcs(bucket: String, prefix: ObjectKey)
  case http(HTTPBase)
  /// Absolute, without a slash at the end.
  case file(path: String)

  /// A place below which objects lie on a web server.
  package struct HTTPBase: Equatable, Sendable {
    /// `http` or `https`.
    package var scheme: String
    /// Host, and port where it is not the scheme's own.
    package var authority: String
    /// Encoded; begins and ends with a slash.
    package var path: String
    /// Sent with every request (a shared access signature); without the `?`.
    package var query: String?
    /// User and password of basic authentication, decoded.
    package var user: String?
    package var password: String?
  }

  /// Throws `misconfigured`, with what is wrong and what to write.
  package init(_ text: String) throws(StoreError) {
    guard let end = text.firstRange(ofBytes: "://") else {
      throw Self.error(text, "has no scheme", "write s3://\(text), or file://\(text) for a directory")
    }
    let rest = String(text[end...].dropFirst(3))
    let scheme = text[..<end].lowercased()
    switch scheme {
    case "s3", "s3a": self = try Self.bucket(text, scheme: "s3", rest).map { .s3(bucket: $0, prefix: $1) }
    case "gs", "gcs": self = try Self.bucket(text, scheme: "gs", rest).map { .gcs(bucket: $0, prefix: $1) }
    case "https", "http": self = try .http(Self.base(text))
    case "file": self = try .file(path: Self.directory(text, rest))
    default:
      throw Self.error(
        text, "has the unknown scheme \(scheme)",
        "write s3://BUCKET/PREFIX, gs://BUCKET/PREFIX, https://HOST/PATH or file:///DIRECTORY")
    }
  }

  private struct Bucket {
    var name: String
    var prefix: ObjectKey
    func map(_ body: (String, ObjectKey) -> SourceURL) -> SourceURL { body(name, prefix) }
  }

  private static func bucket(_ text: String, scheme: String, _ rest: String) throws(StoreError) -> Bucket {
    let slash = rest.utf8.firstIndex(of: UInt8(ascii: "/")) ?? rest.endIndex
    let name = String(rest[..<slash])
    guard !name.isEmpty else { throw error(text, "names no bucket", "write \(scheme)://BUCKET/PREFIX") }
    let isPlain = name.utf8.allSatisfy {
      switch $0 {
      case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
        UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"):
        return true
      default: return false
      }
    }
    guard isPlain, name.utf8.count <= 255, name != ".", name != ".." else {
      throw error(
        text, "has the bucket name \(quoted(name)), but bucket names hold letters, digits, '-', '.' and '_' only",
        "write \(scheme)://BUCKET/PREFIX; a server of your own goes into --endpoint-url")
    }
    var prefix = Array(rest[slash...].utf8.dropFirst())
    if prefix.last != UInt8(ascii: "/"), !prefix.isEmpty { prefix.append(UInt8(ascii: "/")) }
    guard prefix.count <= 1024 else { throw error(text, "has a prefix of over 1,024 bytes", "shorten it") }
    return Bucket(name: name, prefix: ObjectKey(bytes: prefix))
  }

  private static func base(_ text: String) throws(StoreError) -> HTTPBase {
    guard let parts = URLParts(text) else {
      throw error(shown(text), "has no valid port", "write https://HOST:PORT/PATH")
    }
    guard !parts.host.isEmpty, !parts.host.utf8.contains(where: { $0 <= 0x20 || $0 == 0x7F }) else {
      throw error(shown(text), "names no host", "write \(parts.scheme)://HOST/PATH")
    }
    guard parts.fragment == nil else {
      throw error(shown(text), "has a fragment ('#')", "write %23 where it belongs to the path")
    }
    var base = HTTPBase(
      scheme: parts.scheme, authority: parts.authority, path: PercentEncoding.completing(parts.path), query: parts.query
    )
    if !base.path.hasSuffix("/") { base.path += "/" }
    if let login = parts.login {
      let halves = login.utf8.split(separator: UInt8(ascii: ":"), maxSplits: 1, omittingEmptySubsequences: false)
        .map { PercentEncoding.decode($0, plusIsSpace: false) }
      guard let user = halves[0], halves.allSatisfy({ $0 != nil }) else {
        throw error(shown(text), "has a user or password with a '%' that begins no %XX", "write %25 for a '%'")
      }
      base.user = String(decoding: user, as: UTF8.self)
      base.password = halves.count == 2 ? String(decoding: halves[1] ?? [], as: UTF8.self) : ""
    }
    return base
  }

  private static func directory(_ text: String, _ rest: String) throws(StoreError) -> String {
    guard rest.hasPrefix("/") else {
      throw error(text, "names a host, not an absolute path", "write file:///DIRECTORY with three slashes")
    }
    guard !rest.utf8.contains(0) else { throw error(text, "has a NUL byte", "write file:///DIRECTORY") }
    var path = rest[...]
    while path.count > 1, path.hasSuffix("/") { path = path.dropLast() }
    return String(path)
  }

  private static func error(_ text: String, _ problem: String, _ remedy: String) -> StoreError {
    StoreError(.misconfigured, "the source \(quoted(text)) \(problem): \(remedy)")
  }

  private static func quoted(_ text: String) -> String { "'\(text)'" }
  private static func shown(_ text: String) -> String {
    URLParts(text)?.shown ?? text.prefix { $0 != "@" && $0 != "?" }.description
  }
}

extension SourceURL: CustomStringConvertible {
  /// The same source is the same text; no user, password or query. Names the cache's directory, shows in `mount`.
  package var description: String {
    switch self {
    case .s3(let bucket, let prefix): "s3://\(bucket)/\(prefix)"
    case .gcs(let bucket, let prefix): "gs://\(bucket)/\(prefix)"
    case .http(let base): "\(base.scheme)://\(base.authority)\(base.path)"
    case .file(let path): "file://\(path)"
    }
  }
}

extension String {
  /// Where an ASCII text begins, byte for byte.
  fileprivate func firstRange(ofBytes text: String) -> String.Index? {
    let wanted = Array(text.utf8)
    return utf8.indices.first { utf8[$0...].starts(with: wanted) }
  }
}
