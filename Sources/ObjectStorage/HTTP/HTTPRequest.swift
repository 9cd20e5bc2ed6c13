package import Platform

/// One HTTP request, as it will be sent (RFC 9110).
package struct HTTPRequest: Sendable {
  package enum Method: String, Sendable {
    case get = "GET"
    case head = "HEAD"
    case post = "POST"
    case put = "PUT"
  }

  package var method: Method
  /// Absolute, percent-encoded, `http` or `https`; sent as it is (no dot segments are removed).
  package var url: String
  /// Sent with every hop of a redirect, but for `Authorization`, which curl keeps to the first host.
  package var headers: [(name: String, value: String)]
  /// For `post` and `put`.
  package var body: [UInt8]
  package var priority: TransferPriority
  /// How many redirects are followed; 0: a 3xx is the answer.
  package var redirects: Int
  /// Basic authentication, for the first host only.
  package var login: (user: String, password: String)?
  /// Instead of the loop's own limit.
  package var connectTimeout: Interval?
  /// For the whole transfer; nil: only a stall ends it.
  package var timeout: Interval?
  /// false: never through a proxy (link-local and loopback endpoints of credentials).
  package var usesProxy: Bool

  package init(
    _ method: Method, _ url: String, headers: [(name: String, value: String)] = [], body: [UInt8] = [],
    priority: TransferPriority = .demand, redirects: Int = 0
  ) {
    self.method = method
    self.url = url
    self.headers = headers
    self.body = body
    self.priority = priority
    self.redirects = redirects
    usesProxy = true
  }

  /// The URL without its query and login: what messages may show.
  package var shownURL: String { URLParts(url)?.shown ?? "?" }

  /// Host and port of the URL, for messages.
  package var shownHost: String { URLParts(url)?.authority ?? "?" }
}
