import Objects

/// A GET whose answer holds no byte: the range is empty, or the object is.
enum EmptyGet {
  /// Tells the receiver the head, and gives the failure to end with. `what` names the object in errors.
  static func answer(
    _ version: ObjectVersion, _ request: GetRequest, _ what: String, to receiver: any GetReceiver
  ) -> StoreError? {
    if let expected = request.expected, !ObjectResponse.isSame(version, as: expected) {
      return StoreError(.changed, "\(what) has changed")
    }
    if case .suffix(1...) = request.range, version.size > 0 {
      return StoreError(.unsatisfiable(size: version.size), "\(what): the server cannot count bytes from the end")
    }
    if !request.isEmpty, version.size > 0 {
      return StoreError(.unavailable, "\(what) changed while it was asked for")
    }
    let start: Int64
    if case .bytes(let bytes) = request.range {
      start = min(bytes.lowerBound, version.size)
    } else {
      start = version.size
    }
    receiver.begin(GetHead(version: version, range: start..<start))
    return nil
  }
}

extension StoreError {
  /// Whether something went wrong, rather than the remote having answered that it is so.
  var isFault: Bool {
    switch kind {
    case .notFound, .changed, .unsatisfiable, .cancelled: false
    case .forbidden, .unavailable, .garbled, .rejected, .misconfigured: true
    }
  }
}
