import Cache
import ObjectStorage
import Objects
import Platform

/// What the remote refuses: LIST, and names.
extension Resolver {
  // MARK: Listings

  /// Whether names can be listed, as far as is known.
  var lists: Bool { store.canList && !state.withLock { $0.listing.isRefused } }

  /// As `lists`; where it was learned that listing is refused, it is asked for all the same now and then: who is told to,
  /// shall ask.
  func beginsListing() -> Bool {
    guard store.canList else { return false }
    let now = time.monotonic()
    return state.withLock { $0.listing.mayAsk(at: now) }
  }

  func noteListing(_ result: Result<ListPage, StoreError>) {
    let now = time.monotonic()
    state.withLock { state in
      switch result {
      case .success: state.listing.listed()
      case .failure(let error) where error.refusesListing: state.listing.refused(at: now)
      case .failure: break
      }
    }
  }

  // MARK: Names

  /// The remote denied what the index says of the name: the next lookup asks, however young the answer is.
  func expire(_ name: EntryName, in directory: InodeNumber, _ inode: InodeNumber) {
    guard let entry = index.entry(name, in: directory), entry.inode == inode else { return }
    _ = index.record(entry.kind, for: name, in: directory, at: WallTime(milliseconds: 0))
  }

  /// Whether documents speak of arrays at or below the name. Without a listing, nobody else may tell that it is a
  /// directory: nothing has to lie in it but the way to them.
  func isNamed(_ inquiry: Inquiry) -> Bool {
    oracle.isNamed(inquiry.directory.key.appending(inquiry.place.name, asDirectory: true))
      && oracle.document(of: inquiry.key) == nil
  }

  /// The directory that the name is, as far as anybody knows: what cannot be found out now is what lies in it. A poisoned
  /// file in its place would answer ENOTDIR for each chunk below, which readers take for a missing one.
  func directory(_ inquiry: Inquiry) -> Entry? {
    if let known = inquiry.fallback, known.kind == .directory { return known }
    guard inquiry.fallback?.version == nil, isNamed(inquiry) else { return nil }
    return index.record(
      .directory, for: inquiry.place.name, in: inquiry.place.directory, at: WallTime(milliseconds: 0))
  }

  /// Whether the 403 may mean that the name is absent.
  func doubt(_ error: StoreError, _ inquiry: Inquiry) -> ForbiddenCase? {
    guard error.kind == .forbidden, configuration.missingForbidden == .auto else { return nil }
    return oracle.forbiddenCase(ofChunk: inquiry.key) ?? ForbiddenCase(document: inquiry.key)
  }

  /// The inquiry stays open: who asks for the name meanwhile joins it.
  func judge(_ doubt: ForbiddenCase, _ error: StoreError, _ inquiry: Inquiry) {
    forbidden.judge(doubt) { [self] verdict in
      switch verdict {
      case .absent:
        oracle.noteAbsent(inquiry.key)
        learned(.absent, inquiry)
      case .denied: failed(.forbidden(error), inquiry)
      case .unknown(let other): failed(FetchFailure(other), inquiry)
      }
    }
  }
}

extension ResolvePlan.Question {
  /// Not a listing.
  var isOfObject: Bool {
    switch self {
    case .head, .slash, .document, .get: true
    case .below, .exact: false
    }
  }
}

extension ResolvePlan.Reply {
  /// The remote let us know.
  var isOfObject: Bool {
    switch self {
    case .version, .nothing: true
    case .something, .failed: false
    }
  }
}
