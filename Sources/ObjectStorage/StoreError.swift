package import Platform

/// Why the remote did not give what was asked: the one error of this target.
package struct StoreError: Error, Sendable {
  package enum Kind: Equatable, Sendable {
    /// 404 or 410: the remote says that there is no such object.
    case notFound
    /// 401 or 403.
    case forbidden
    /// 412, or the head shows another version than the expected one.
    case changed
    /// 416: the object ends before the range; `size` where Content-Range told it.
    case unsatisfiable(size: Int64?)
    /// It may work later: connection, timeout, stall, truncation, 408, 429, 5xx.
    case unavailable
    /// What came is no answer: its parts contradict each other, or it is not what the protocol says. A few more tries.
    case garbled
    /// The request was refused (other 4xx), or the remote cannot do such a thing: trying again will not help.
    case rejected
    /// Certificate, DNS name, no credentials: the set-up is wrong. Tried again like `unavailable` once mounted.
    case misconfigured
    /// The caller cancelled.
    case cancelled
  }

  package var kind: Kind
  /// What failed, on which URL, and what to do: for people. Holds no credential and no signed query.
  package var message: String
  /// HTTP status; nil where none came.
  package var status: Int?
  /// From `Retry-After`.
  package var retryAfter: Interval?
  /// `x-amz-request-id`, for the remote's support.
  package var requestID: String?

  package init(
    _ kind: Kind, _ message: String, status: Int? = nil, retryAfter: Interval? = nil, requestID: String? = nil
  ) {
    self.kind = kind
    self.message = message
    self.status = status
    self.retryAfter = retryAfter
    self.requestID = requestID
  }

  /// What a log line says of it.
  package var fields: [(String, String)] {
    var fields = [("reason", message)]
    if let status { fields.append(("status", "\(status)")) }
    if let requestID { fields.append(("request_id", requestID)) }
    return fields
  }

  /// As the answer to a LIST: names may not be listed here (403), or the server knows no listing (405, 501). A 403 may
  /// also be a passing one; what is wrong with the credentials themselves is `misconfigured`.
  package var refusesListing: Bool {
    kind == .forbidden || (kind == .rejected && (status == 405 || status == 501))
  }
}
