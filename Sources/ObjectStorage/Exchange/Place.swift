import Platform

/// What was asked where: every error's text begins with it, and the words for what went wrong are chosen here. Pure.
struct Place: Sendable {
  var method: HTTPRequest.Method
  /// Without query and login.
  var url: String
  var host: String
  /// "bucket demo" or the like, for the texts on access.
  var bucket: String?
  var isSigned = false

  init(_ request: HTTPRequest, bucket: String? = nil, isSigned: Bool = false) {
    method = request.method
    url = request.shownURL
    host = request.shownHost
    self.bucket = bucket
    self.isSigned = isSigned
  }

  func error(_ kind: StoreError.Kind, _ problem: String, _ head: HTTPResponseHead? = nil) -> StoreError {
    StoreError(
      kind, "\(method.rawValue) \(url.prefix(1500)): \(problem)", status: head?.status,
      requestID: head?["x-amz-request-id"].map { Self.printable($0, limit: 100) })
  }

  /// No response, or not all of it.
  func error(_ failure: HTTPFailure) -> StoreError {
    switch failure.kind {
    case .cancelled: return error(.cancelled, "cancelled")
    case .unknownHost:
      return error(
        .misconfigured,
        "the host \(host) is not known (\(failure.message)): check the name, and this machine's DNS")
    case .proxy:
      return error(
        .misconfigured,
        "the proxy that the environment names does not work (\(failure.message)): check http_proxy, https_proxy and all_proxy"
      )
    case .connect:
      return error(
        .unavailable,
        "no connection to \(host) (\(failure.message)): check that the server runs and that the port is right")
    case .certificate:
      return error(
        .misconfigured,
        "the certificate of \(host) is not trusted (\(failure.message)): give the authority's certificate with --ca-bundle FILE"
      )
    case .handshake:
      return error(
        .misconfigured,
        "no TLS connection to \(host) (\(failure.message)): check whether the server speaks https on that port")
    case .timedOut: return error(.unavailable, "no answer in time (\(failure.message))")
    case .broken: return error(.unavailable, "the connection broke (\(failure.message))")
    case .tooManyRedirects: return error(.rejected, "the server redirects in circles (\(failure.message))")
    case .malformed: return error(.garbled, "the response is not valid HTTP (\(failure.message))")
    case .refusedBySink: return error(.garbled, "the response holds more than it announced")
    case .other: return error(.unavailable, failure.message)
    }
  }

  /// A response with an error status.
  func error(_ reply: ErrorReply, now: WallTime) -> StoreError {
    let status = reply.head.status
    var said = "\(status)"
    if let code = reply.code { said += " \(Self.printable(code, limit: 100))" }
    if let message = reply.message { said += " (\(Self.printable(message, limit: 300)))" }
    let (kind, remedy) = verdict(status, reply.code)
    var result = error(kind, remedy.isEmpty ? said : "\(said): \(remedy)", reply.head)
    result.retryAfter = reply.head["retry-after"].flatMap { Self.retryAfter($0, now: now) }
    if result.requestID == nil, let id = reply.requestID { result.requestID = Self.printable(id, limit: 100) }
    return result
  }

  private func verdict(_ status: Int, _ code: String?) -> (StoreError.Kind, String) {
    // What is wrong with the credentials themselves is no "forbidden": that may have been learned to mean "absent".
    switch code {
    case "NoSuchBucket":
      return (.misconfigured, "there is no bucket \(bucket ?? "of this name"): check its name and the endpoint")
    case "InvalidAccessKeyId":
      return (.misconfigured, "the access key is not known there: check the credentials, the profile and the endpoint")
    case "SignatureDoesNotMatch":
      return (.misconfigured, "the secret key does not belong to the access key: check the credentials")
    case "ExpiredToken", "ExpiredTokenException", "TokenRefreshRequired":
      return (.misconfigured, "the session has expired: log in again")
    case "InvalidToken": return (.misconfigured, "the session token is not valid: log in again")
    case "UnsupportedAlgorithm", "MissingSecurityHeader":
      return (.misconfigured, "the server wants signed requests: give credentials (AWS_ACCESS_KEY_ID, --profile)")
    case "RequestTimeTooSkewed": return (.misconfigured, "this machine's clock is wrong: set it")
    case "RequestTimeout", "SlowDown", "InternalError", "OperationAborted", "ServiceUnavailable":
      return (.unavailable, "try again later")
    case "InvalidObjectState":
      return (.rejected, "the object is archived: restore it first")
    default: break
    }
    switch status {
    case 404, 410: return (.notFound, "")
    case 401, 403:
      return (
        .forbidden,
        isSigned
          ? "these credentials may not read it: check the bucket's policy"
          : "it may not be read without credentials: give some (AWS_ACCESS_KEY_ID, --profile)"
      )
    case 412: return (.changed, "the object has changed")
    case 416: return (.unsatisfiable(size: nil), "the object ends before the range")
    case 407: return (.misconfigured, "the proxy wants a login: check http_proxy and https_proxy")
    // S3 answers 409 to what meets a change under way.
    case 408, 409, 425, 429: return (.unavailable, "try again later")
    case 501, 505: return (.rejected, "the server cannot do this")
    case 500...: return (.unavailable, "try again later")
    case 300..<400: return (.rejected, "redirected elsewhere: check the endpoint and --region")
    default: return (.rejected, "the server refuses the request")
    }
  }

  /// Seconds or a date (RFC 9110, 10.2.3), never negative.
  static func retryAfter(_ text: String, now: WallTime) -> Interval? {
    if let seconds = Int64(decimal: text) { return .seconds(min(seconds, 86_400)) }
    guard let date = CivilTime(httpDate: text) else { return nil }
    return max(.zero, min(date.wallTime - now, .seconds(86_400)))
  }

  /// A remote's words: one line, bounded.
  static func printable(_ text: String, limit: Int) -> String {
    String(
      String.UnicodeScalarView(text.unicodeScalars.prefix(limit).map { $0.value < 0x20 || $0.value == 0x7F ? " " : $0 })
    )
  }
}
