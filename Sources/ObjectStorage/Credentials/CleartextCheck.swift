import Glibc

/// Whether credentials would cross a network in the clear. Pure.
package enum CleartextCheck {
  /// Throws `misconfigured`, with what to do, for `http://` to a host that is not this machine. A signature does not
  /// give the secret key away, but a session token, a password and what is read would be for everyone on the way.
  package static func check(_ url: String) throws(StoreError) {
    guard let parts = URLParts(url), parts.scheme == "http", !isThisMachine(parts.host) else { return }
    throw StoreError(
      .misconfigured,
      "credentials would go to \(parts.authority) over http://, for everyone on the way to read: use https://, "
        + "--no-sign-request for a public bucket, or --allow-insecure-auth in a network that you trust")
  }

  /// `localhost` and names below it (RFC 6761, 6.3), 127.0.0.0/8, ::1.
  static func isThisMachine(_ host: String) -> Bool {
    if host == "localhost" || host.hasSuffix(".localhost") { return true }
    var four = in_addr()
    if inet_pton(AF_INET, host, &four) == 1 { return UInt32(bigEndian: four.s_addr) >> 24 == 127 }
    guard host.hasPrefix("["), host.hasSuffix("]") else { return false }
    var six = in6_addr()
    guard inet_pton(AF_INET6, String(host.dropFirst().dropLast()), &six) == 1 else { return false }
    let bytes = withUnsafeBytes(of: six) { Array($0) }
    return bytes == Array(repeating: 0, count: 15) + [1]
  }
}
