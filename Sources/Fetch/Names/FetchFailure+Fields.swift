import ObjectStorage

extension FetchFailure {
  /// What a log line says of the remote's answer.
  package var fields: [(String, String)] {
    switch self {
    case .changed: [("reason", "the object was replaced")]
    case .interrupted: [("reason", "interrupted")]
    case .notFound(let error), .forbidden(let error), .unavailable(let error): Self.fields(of: error)
    }
  }

  static func fields(of error: StoreError) -> [(String, String)] {
    var fields = [("reason", error.message)]
    if let status = error.status { fields.append(("status", "\(status)")) }
    if let requestID = error.requestID { fields.append(("request_id", requestID)) }
    return fields
  }
}
