import CCurl

/// Why a transfer brought no complete response. The corresponding C type is `CURLcode`.
package struct HTTPFailure: Error, Equatable, Sendable {
  package enum Kind: Equatable, Sendable {
    /// The host's name is not known.
    case unknownHost
    /// The environment names a proxy that is none: its URL, its name, its login.
    case proxy
    /// No connection: refused, unreachable.
    case connect
    /// The server's certificate, or ours, is not accepted.
    case certificate
    /// TLS did not come about, for another reason.
    case handshake
    /// Connecting took too long, or fewer bytes came than the stall limit asks.
    case timedOut
    /// The connection broke, or the body ended early.
    case broken
    case tooManyRedirects
    /// What came is not HTTP, or its headers are too large.
    case malformed
    /// The sink wanted no more.
    case refusedBySink
    case cancelled
    /// Anything else: out of memory, a URL curl cannot take.
    case other
  }

  package var kind: Kind
  /// curl's own words: no URL query, no header.
  package var message: String

  package init(_ kind: Kind, _ message: String) {
    self.kind = kind
    self.message = message
  }

  init(code: CURLcode, message: String) {
    self.message = Self.words(code, message)
    switch code {
    // The refused tunnel and the unknown scheme have no codes of their own.
    case CURLE_COULDNT_RESOLVE_PROXY, CURLE_PROXY,
      _ where message.hasSuffix("response 407"),
      _ where message.hasPrefix("Unsupported proxy"):
      kind = .proxy
    case CURLE_COULDNT_RESOLVE_HOST: kind = .unknownHost
    case CURLE_COULDNT_CONNECT: kind = .connect
    case CURLE_PEER_FAILED_VERIFICATION, CURLE_SSL_CERTPROBLEM, CURLE_SSL_CACERT_BADFILE, CURLE_SSL_ISSUER_ERROR,
      CURLE_SSL_PINNEDPUBKEYNOTMATCH, CURLE_SSL_INVALIDCERTSTATUS, CURLE_SSL_CLIENTCERT:
      kind = .certificate
    case CURLE_SSL_CONNECT_ERROR: kind = .handshake
    case CURLE_OPERATION_TIMEDOUT: kind = .timedOut
    case CURLE_PARTIAL_FILE, CURLE_RECV_ERROR, CURLE_SEND_ERROR, CURLE_GOT_NOTHING, CURLE_HTTP2, CURLE_HTTP2_STREAM,
      CURLE_SSL_SHUTDOWN_FAILED:
      kind = .broken
    case CURLE_TOO_MANY_REDIRECTS: kind = .tooManyRedirects
    case CURLE_WEIRD_SERVER_REPLY, CURLE_UNSUPPORTED_PROTOCOL, CURLE_BAD_CONTENT_ENCODING: kind = .malformed
    default: kind = .other
    }
  }

  /// curl's own words, or its general ones for the code. What it quotes is left out where that holds an `@`: of a proxy's
  /// URL that it cannot use, curl tells everything, with the password.
  static func words(_ code: CURLcode, _ message: String) -> String {
    guard message.isEmpty || message.contains("@") else { return message }
    let words = message.prefix { $0 != "'" && $0 != "@" }
    return words.last == " " ? "\(words)'…'" : String(cString: curl_easy_strerror(code))
  }
}
