import Objects

/// One request of the S3 protocol, before it has a host and a signature.
struct S3Message: Sendable {
  var method: HTTPRequest.Method
  /// Relative to the mounted prefix; nil: the bucket.
  var key: ObjectKey?
  /// Not encoded.
  var query: [(name: String, value: String)] = []
  var headers: [(name: String, value: String)] = []

  init(_ method: HTTPRequest.Method, key: ObjectKey?) {
    self.method = method
    self.key = key
  }

  var kind: StoreStatistics.Request { method == .head ? .head : key == nil ? .list : .get }
}
