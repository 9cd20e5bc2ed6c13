package import ObjectStorage
package import Objects

/// Finding out what one name is: the questions to the remote, and what their answers mean together. Pure.
///
/// S3 has no directories: a name is a file if HEAD finds the object, a directory if something lies below it; where both
/// hold, the directory wins, because else what lies below could not be reached. Absent is what both deny. Where listing
/// is not possible (plain HTTP) or forbidden, the documents that Zarr puts into its directories are asked for instead.
package struct ResolvePlan: Sendable {
  /// What the name was when last heard of.
  package enum Purpose: Equatable, Sendable { case unknown, file, directory }

  package enum Question: Hashable, Sendable {
    /// HEAD of the name.
    case head
    /// LIST of what begins with the name and a slash, two keys.
    case below
    /// LIST of what begins with the name, one key: the object itself comes first.
    case exact
    /// HEAD of the name and a slash, as web servers answer for directories.
    case slash
    /// HEAD of a document in the name (`documents`).
    case document(Int)
    /// GET of the name, which answers and fetches at once.
    case get(StorageClass)
  }

  package enum Reply: Sendable {
    case version(ObjectVersion)
    /// Something lies below.
    case something
    /// 404, or nothing listed.
    case nothing
    case failed(StoreError)
  }

  package enum Verdict: Sendable {
    case known(Entry.Kind)
    case unknown(StoreError)
  }

  package enum Step: Sendable {
    case ask([Question])
    case wait
    case done(Verdict)
  }

  package static let documents: [EntryName] = [".zgroup", ".zarray", "zarr.json", ".zmetadata"]
  static let probes: [Question] = [.slash] + documents.indices.map { .document($0) }

  let purpose: Purpose
  let canList: Bool
  let forbiddenMeansAbsent: Bool
  var asked: Set<Question> = []
  var replies: [Question: Reply] = [:]

  package init(purpose: Purpose, canList: Bool, forbiddenMeansAbsent: Bool = false) {
    self.purpose = purpose
    self.canList = canList
    self.forbiddenMeansAbsent = forbiddenMeansAbsent
  }

  /// The first questions.
  package mutating func begin() -> [Question] {
    switch (purpose, canList) {
    case (.file, _): return ask([.head])
    case (.directory, true): return ask([.below])
    case (.unknown, true): return ask([.head, .below])
    case (_, false): return ask([.head] + Self.probes)
    }
  }

  /// The first question, where the name is likely to be read at once.
  package mutating func beginWithGet(_ storageClass: StorageClass) -> [Question] { ask([.get(storageClass)]) }

  package mutating func answer(_ question: Question, _ reply: Reply) -> Step {
    replies[question] = reply
    if case .get = question { return concludeGet(reply) }
    if asked.contains(.slash) || asked.contains(.document(0)) { return concludeProbes() }
    return canList ? concludeListed() : concludePlain()
  }

  mutating func ask(_ questions: [Question]) -> [Question] {
    let new = questions.filter { !asked.contains($0) }
    asked.formUnion(new)
    return new
  }

  private func concludeGet(_ reply: Reply) -> Step {
    switch reply {
    case .version(let version): return .done(.known(.file(version)))
    case .something, .nothing: return .done(.known(.absent))
    case .failed(let error):
      return .done(error.kind == .forbidden && forbiddenMeansAbsent ? .known(.absent) : .unknown(error))
    }
  }

  /// A known file of a plain server: HEAD alone, until it is gone.
  private mutating func concludePlain() -> Step {
    switch replies[.head] {
    case .version(let version): return .done(.known(.file(version)))
    case .failed(let error) where error.kind != .forbidden: return .done(.unknown(error))
    default: return .ask(ask(Self.probes))
    }
  }

  private mutating func concludeListed() -> Step {
    if case .something = replies[.below] { return .done(.known(.directory)) }
    guard asked.contains(.head) else {
      // A known directory with nothing below it any more.
      guard case .failed(let error) = replies[.below] else { return .ask(ask([.head])) }
      return refuses(error) ? .ask(ask([.head] + documentProbes)) : .done(.unknown(error))
    }
    guard let head = replies[.head] else { return .wait }
    if case .version(let version) = head {
      // Whether something lies below is not known if that listing failed: take the file, which is certain.
      return asked.contains(.below) && replies[.below] == nil ? .wait : .done(.known(.file(version)))
    }
    guard asked.contains(.below) else {
      if case .failed(let error) = head, error.kind != .forbidden { return .done(.unknown(error)) }
      return .ask(ask([.below]))
    }
    guard let below = replies[.below] else { return .wait }
    switch (head, below) {
    case (.failed(let error), .failed(let other)):
      return refuses(other) && error.kind == .forbidden
        ? .ask(ask(documentProbes)) : .done(.unknown(error.kind == .forbidden ? other : error))
    case (_, .failed(let error)):
      // What made no sense this time may still be a directory by its documents; never absent.
      return refuses(error) || error.kind == .garbled ? .ask(ask(documentProbes)) : .done(.unknown(error))
    case (.failed(let error), _):
      return error.kind == .forbidden ? concludeExact(error) : .done(.unknown(error))
    default: return .done(.known(.absent))
    }
  }

  /// HEAD is forbidden but listing is not: the listing knows the key, its size and tag, or that it is not there.
  private mutating func concludeExact(_ error: StoreError) -> Step {
    guard asked.contains(.exact) else { return .ask(ask([.exact])) }
    switch replies[.exact] {
    case nil: return .wait
    case .version(let version): return .done(.known(.file(version)))
    case .something, .nothing: return .done(.known(.absent))
    case .failed: return .done(.unknown(error))
    }
  }

  private var documentProbes: [Question] { Self.documents.indices.map { .document($0) } }

  /// Listing will not work here, it seems.
  private func refuses(_ error: StoreError) -> Bool { error.kind == .forbidden || error.kind == .rejected }

  /// Why the question whether something lies below remains open; nil where listing is forbidden, or the server is one
  /// that has none: there the documents are all there is to go by.
  var openQuestion: StoreError? {
    guard case .failed(let error) = replies[.below] else { return nil }
    let hasNoListing = error.kind == .rejected && [nil, 405, 501].contains(error.status)
    return error.kind == .forbidden || hasNoListing ? nil : error
  }
}
