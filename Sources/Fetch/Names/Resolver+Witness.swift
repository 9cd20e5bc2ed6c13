import Cache
import Objects
import Platform

/// `--freshness metadata`: a known name older than `--ttl` is not asked for where a node's document speaks for it
/// (docs/decisions/008).
///
/// A document vouches for the chunks of its array that were heard of since it has its present version; and, by being there,
/// for its own directory. It is asked for itself when it is older than `--ttl`, once for all who wait.
extension Resolver {
  /// A document by its place.
  struct Witness {
    let directory: DirectoryReference
    let name: EntryName
  }

  /// What is known of the name that was asked for.
  struct Known {
    let name: EntryName
    let directory: DirectoryReference
    let purpose: ResolvePlan.Purpose
    let entry: Entry

    /// Whether the document lies in this very directory.
    func holds(_ witness: Witness) -> Bool { witness.directory.inode == entry.inode }
    var key: ObjectKey { directory.key.appending(name) }
  }

  /// Longer ones are files like any other: 64 MiB of JSON.
  static var longestDocument: Int { 64 << 20 }
  private static var documentsOfDirectories: [EntryName] { ["zarr.json", ".zarray", ".zgroup"] }
  private static var documentsOfArrays: [EntryName] { ["zarr.json", ".zarray"] }

  /// The document that may vouch for what is known; nil where none is near.
  func witness(of name: EntryName, in directory: DirectoryReference, _ entry: Entry) -> Witness? {
    switch entry.kind {
    case .absent: return nil
    case .directory:
      let inner = DirectoryReference(inode: entry.inode, key: directory.key.appending(name, asDirectory: true))
      // A directory without one may be of a chunk's key, which exists by construction.
      return document(Self.documentsOfDirectories, in: inner)?.witness ?? unread(above: directory)
    case .file:
      guard !StorageClass.documentNames.contains(name) else { return nil }
      if let document = oracle.document(of: directory.key.appending(name)) {
        return directory.ancestor(document.node, in: index).map { Witness(directory: $0, name: document.name) }
      }
      return unread(above: directory)
    }
  }

  private func document(
    _ names: [EntryName], in directory: DirectoryReference
  ) -> (witness: Witness, entry: Entry)? {
    for name in names {
      if let entry = index.entry(name, in: directory.inode), entry.version != nil {
        return (Witness(directory: directory, name: name), entry)
      }
    }
    return nil
  }

  /// After a remount nobody may have read the document yet. The nearest at or above the directory, unless it was read and
  /// does not know the name. As many steps as a chunk's key has components.
  private func unread(above directory: DirectoryReference) -> Witness? {
    var place: DirectoryReference? = directory
    while let here = place {
      if let (witness, entry) = document(Self.documentsOfArrays, in: here) {
        return hasLearned(entry.inode) ? nil : witness
      }
      place = here.parent(in: index)
    }
    return nil
  }

  // MARK: Asking it

  func consult(
    _ witness: Witness, for known: Known, _ answer: @escaping @Sendable (Resolution) -> Void
  ) -> (any PendingName)? {
    let before = index.entry(witness.name, in: witness.directory.inode)
    let left = before.flatMap { configuration.freshness(at: time.now()).remaining(of: $0) }
    if let before, let left, known.holds(witness) || before.version == nil || hasLearned(before.inode) {
      if vouches(before, at: witness, for: known) {
        counters.count(.vouchedAnswers)
        near(.found(known.entry, valid: left), isStale: false, answer)
        return nil
      }
      return ask(known.name, in: known.directory, known.purpose, fallback: known.entry, { _ in }, answer)
    }
    let waiter = PendingAnswer(interruption: Resolution.unknown(.interrupted), answer)
    if let before, let left {
      learned(before, valid: left, at: witness, for: known, waiter)
    } else {
      _ = find(witness.name, in: witness.directory) { [self] resolution in
        // One served stale says nothing.
        guard case .found(let document, let valid) = resolution, document.validated > before?.validated ?? .min else {
          return askItself(known, waiter)
        }
        learned(document, valid: valid, at: witness, for: known, waiter)
      }
    }
    return waiter.isOver ? nil : waiter
  }

  /// Has the document read, where that was not done since the mount, and judges.
  private func learned(
    _ document: Entry, valid: Interval, at witness: Witness, for known: Known, _ waiter: PendingAnswer<Resolution>
  ) {
    guard let version = document.version, !known.holds(witness), !hasLearned(document.inode) else {
      return judged(document, valid: valid, at: witness, for: known, waiter)
    }
    let object = ObjectReference(
      inode: document.inode, key: witness.directory.key.appending(witness.name), version: version, class: .metadata)
    learn(object) { [self] _ in judged(document, valid: valid, at: witness, for: known, waiter) }
  }

  private func judged(
    _ document: Entry, valid: Interval, at witness: Witness, for known: Known, _ waiter: PendingAnswer<Resolution>
  ) {
    // A listing may have seen another version of the name meanwhile.
    let entry = index.entry(known.name, in: known.directory.inode)
    guard let entry, entry.inode == known.entry.inode, vouches(document, at: witness, for: known) else {
      return askItself(known, waiter)
    }
    counters.count(.vouchedAnswers)
    waiter(.found(entry, valid: valid))
  }

  private func askItself(_ known: Known, _ waiter: PendingAnswer<Resolution>) {
    if waiter.isOver { return }
    _ = ask(known.name, in: known.directory, known.purpose, fallback: known.entry, { _ in }) { waiter($0) }
  }

  // MARK: What it says

  private func vouches(_ document: Entry, at witness: Witness, for known: Known) -> Bool {
    guard document.version != nil else { return false }
    if known.holds(witness) { return true }
    guard oracle.document(of: known.key) == DocumentPlace(node: witness.directory.key, name: witness.name),
      hasLearned(document.inode), let since = index.since(document.inode)
    else { return false }
    return (since.milliseconds...time.now().milliseconds).contains(known.entry.validated)
  }

  /// On this stack, from what is near.
  func isVouchedFor(_ name: EntryName, in directory: DirectoryReference, _ entry: Entry) -> Bool {
    guard configuration.policy == .metadata, let witness = witness(of: name, in: directory, entry),
      let document = index.entry(witness.name, in: witness.directory.inode),
      configuration.freshness(at: time.now()).remaining(of: document) != nil
    else { return false }
    return vouches(
      document, at: witness, for: Known(name: name, directory: directory, purpose: .file, entry: entry))
  }

  // MARK: Documents

  private func hasLearned(_ inode: InodeNumber) -> Bool { state.withLock { $0.learned.use(inode) != nil } }

  /// Tells the oracle of a document, from its bytes, near or far. `then` gets its advice, or nil where they cannot be had,
  /// or are of a version that was replaced: whoever holds that open still may read it, and it says nothing any more.
  func learn(_ object: ObjectReference, _ then: @escaping @Sendable ([Ahead]?) -> Void) {
    let size = Int(object.version.size)
    guard (1...Self.longestDocument).contains(size) else { return then(nil) }
    let scratch = UnsafeMutableRawBufferPointer.allocate(byteCount: size, alignment: 16)
    defer { scratch.deallocate() }
    _ = fetcher.read(object, 0..<object.version.size, scratch: scratch) { [self] result in
      guard case .success(let bytes) = result, let entry = index.location(of: object.inode)?.entry else {
        return then(nil)
      }
      let ahead = oracle.noteDocument(object.key, bytes, validated: WallTime(milliseconds: entry.validated))
      state.withLock { state in _ = state.learned.insert((), for: object.inode) }
      then(ahead)
    }
  }
}
