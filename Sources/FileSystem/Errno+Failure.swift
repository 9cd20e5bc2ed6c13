import Fetch
import Glibc
import Platform

/// The one place where a failure becomes an error number.
extension Errno {
  /// What a READ, an OPENDIR or a READDIR answers.
  init(_ failure: FetchFailure) {
    switch failure {
    case .changed: self = .stale
    case .forbidden: self = .accessDenied
    case .interrupted: self = .interrupted
    case .notFound, .unavailable: self = .inputOutput
    }
  }

  /// What reading a poisoned entry answers: the entry outlives the signal that interrupted its lookup.
  init(poisoning failure: FetchFailure) {
    if case .forbidden = failure { self = .accessDenied } else { self = .inputOutput }
  }

  static let tooManyOpen = Errno(ENFILE)
}
