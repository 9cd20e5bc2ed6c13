import ObjectStorage
import Objects

/// Directories without listing.
extension ResolvePlan {
  func concludeProbes() -> Step {
    for question in asked where question != .head {
      if case .version = replies[question] { return .done(.known(.directory)) }
    }
    guard asked.allSatisfy({ replies[$0] != nil }) else { return .wait }
    // nginx without an index answers 403 for a directory, and 404 for what is not there. A server that answers 403 for
    // everything that is not there (S3 without ListBucket) has said nothing.
    if isForbidden(.slash), Self.documents.indices.contains(where: { isNone(.document($0)) }) {
      return .done(.known(.directory))
    }
    switch replies[.head] {
    case .version(let version): return .done(.known(.file(version)))
    case .failed(let error) where !means(error): return .done(.unknown(error))
    default: break
    }
    for case .failed(let error) in asked.filter({ $0 != .below && $0 != .slash }).map({ replies[$0] }) {
      if !means(error) { return .done(.unknown(error)) }
    }
    if case .failed(let error) = replies[.slash], !means(error), error.kind != .rejected {
      return .done(.unknown(error))
    }
    return .done(openQuestion.map { .unknown($0) } ?? .known(.absent))
  }

  /// Whether the failure means absent.
  private func means(_ error: StoreError) -> Bool { error.kind == .forbidden && forbiddenMeansAbsent }

  private func isForbidden(_ question: Question) -> Bool {
    if case .failed(let error) = replies[question] { return error.kind == .forbidden }
    return false
  }

  private func isNone(_ question: Question) -> Bool {
    if case .nothing = replies[question] { return true }
    return false
  }
}
