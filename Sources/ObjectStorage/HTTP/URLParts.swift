/// A URL taken apart (RFC 3986, 3), nothing decoded or normalised. Pure.
package struct URLParts: Equatable, Sendable {
  /// Lower case.
  package var scheme: String
  /// Between `//` and `@`; nil without `@`.
  package var login: String?
  /// Lower case; an IPv6 address has its brackets.
  package var host: String
  package var port: Int?
  /// Empty, or begins with a slash.
  package var path: String
  /// Without the `?`.
  package var query: String?
  /// Without the `#`.
  package var fragment: String?

  /// nil where there is no `scheme://`, or the port is not a number below 65,536, or not the only one.
  package init?(_ text: some StringProtocol) {
    let bytes = Array(text.utf8)
    guard let colon = bytes.firstIndex(of: UInt8(ascii: ":")), colon > 0,
      bytes[(colon + 1)...].starts(with: Array("//".utf8))
    else { return nil }
    func string(_ slice: some Collection<UInt8>) -> String { String(decoding: slice, as: UTF8.self) }

    scheme = string(bytes[..<colon]).lowercased()
    var rest = bytes[(colon + 3)...]
    if let hash = rest.firstIndex(of: UInt8(ascii: "#")) {
      fragment = string(rest[(hash + 1)...])
      rest = rest[..<hash]
    }
    if let mark = rest.firstIndex(of: UInt8(ascii: "?")) {
      query = string(rest[(mark + 1)...])
      rest = rest[..<mark]
    }
    let slash = rest.firstIndex(of: UInt8(ascii: "/")) ?? rest.endIndex
    path = string(rest[slash...])
    var authority = rest[..<slash]
    if let at = authority.lastIndex(of: UInt8(ascii: "@")) {
      login = string(authority[..<at])
      authority = authority[(at + 1)...]
    }
    let bracket = authority.lastIndex(of: UInt8(ascii: "]")) ?? authority.startIndex
    if let colon = authority[bracket...].lastIndex(of: UInt8(ascii: ":")) {
      guard let number = Int64(decimal: string(authority[(colon + 1)...])), number < 65_536 else { return nil }
      port = Int(number)
      authority = authority[..<colon]
    }
    // A second colon would be the port in the text that is made of the parts.
    let isLiteral = authority.first == UInt8(ascii: "[") && authority.last == UInt8(ascii: "]")
    guard isLiteral || !authority.contains(UInt8(ascii: ":")) else { return nil }
    host = string(authority).lowercased()
  }

  /// Host, with the port where it is not the scheme's own: the value of the `Host` header.
  package var authority: String {
    guard let port, port != (scheme == "https" ? 443 : 80) else { return host }
    return "\(host):\(port)"
  }

  /// Scheme, host and path: what messages may show.
  package var shown: String { "\(scheme)://\(authority)\(path)" }
}
