import ObjectStorage

extension FetchFailure {
  /// What a log line says of the remote's answer.
  package var fields: [(String, String)] {
    switch self {
    case .changed: [("reason", "the object was replaced")]
    case .interrupted: [("reason", "interrupted")]
    case .notFound(let error), .forbidden(let error), .unavailable(let error): error.fields
    }
  }
}
