import Platform

/// What is known of a request before its answer.
struct RequestLine: Sendable {
  let fields: [(String, String)]
  let began: MonotonicTime
  let time: any TimeSource
  let log: Log

  func callAsFunction<Value>(_ result: Result<Value, StoreError>, _ shown: (Value) -> [(String, String)]) {
    switch result {
    case .success(let value): write(shown(value))
    case .failure(let error): write([("answer", "\(error.kind)")] + error.fields)
    }
  }

  private func write(_ answer: [(String, String)]) {
    let took = (time.monotonic() - began).milliseconds
    log.debug("request", fields + [("ms", "\(took)")] + answer)
  }
}
