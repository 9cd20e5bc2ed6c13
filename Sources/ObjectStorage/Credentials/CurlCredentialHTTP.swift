import CCurl
import Platform

/// `CredentialHTTP` by libcurl's easy interface, a connection for each exchange.
package struct CurlCredentialHTTP: CredentialHTTP {
  /// Answers are at most so large.
  private static let limit = 256 * 1024
  /// `--ca-bundle`; nil for the system's.
  private let caBundle: String?

  package init(caBundle: String? = nil) { self.caBundle = caBundle }

  package func send(_ request: CredentialHTTPRequest) throws(StoreError) -> CredentialHTTPResponse {
    for (name, value) in request.headers where (name + value).utf8.contains(where: { $0 < 32 || $0 == 127 }) {
      throw StoreError(.misconfigured, "\(request.url): the value for \(name) has a control character or a line break")
    }
    var body = [UInt8](repeating: 0, count: Self.limit)
    var length = body.count
    var status = 0
    var reason = [CChar](repeating: 0, count: Int(CURL_ERROR_SIZE))
    // Each line ends with a newline; curl gets them one by one.
    let headers = request.headers.map { "\($0.name): \($0.value)\n" }.joined()
    let code = body.withUnsafeMutableBytes { buffer in
      ccurl_blocking_send(
        request.method, request.url, headers, request.body, request.body.count,
        Int(request.connectTimeout.milliseconds), Int(request.timeout.milliseconds), request.isDirect ? 1 : 0, caBundle,
        &status, buffer.baseAddress, &length, &reason)
    }
    guard code == CURLE_OK else {
      let text = String(decoding: reason.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
      throw StoreError(Self.kind(code), "\(request.url): \(HTTPFailure.words(code, text))")
    }
    return CredentialHTTPResponse(status: status, body: Array(body[..<length]))
  }

  private static func kind(_ code: CURLcode) -> StoreError.Kind {
    switch code {
    case CURLE_WRITE_ERROR, CURLE_UNSUPPORTED_PROTOCOL, CURLE_URL_MALFORMAT: .rejected
    case CURLE_PEER_FAILED_VERIFICATION, CURLE_SSL_CACERT_BADFILE, CURLE_COULDNT_RESOLVE_HOST: .misconfigured
    default: .unavailable
    }
  }
}
