package import ObjectStorage

/// Why a READ or a lookup's GET gives no bytes.
package enum FetchFailure: Error, Sendable {
  /// The remote holds another version now, and the bytes asked for are not near: ESTALE.
  case changed
  /// 404 or 410.
  case notFound(StoreError)
  /// 401 or 403.
  case forbidden(StoreError)
  /// It could not be found out, until the deadline of the store: EIO, never ENOENT.
  case unavailable(StoreError)
  /// The reader was hit by a signal: EINTR.
  case interrupted

  package init(_ error: StoreError) {
    switch error.kind {
    case .changed: self = .changed
    case .notFound: self = .notFound(error)
    case .forbidden: self = .forbidden(error)
    case .unsatisfiable, .unavailable, .garbled, .rejected, .misconfigured, .cancelled: self = .unavailable(error)
    }
  }
}

extension FetchFailure: Equatable {
  /// The same kind of failure.
  package static func == (a: Self, b: Self) -> Bool {
    switch (a, b) {
    case (.changed, .changed), (.interrupted, .interrupted): true
    case (.notFound(let a), .notFound(let b)), (.forbidden(let a), .forbidden(let b)),
      (.unavailable(let a), .unavailable(let b)):
      a.kind == b.kind
    default: false
    }
  }
}
