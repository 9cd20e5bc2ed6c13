import Fetch
package import Objects
import Platform

extension ZarrFileSystem {
  package func read(
    _ inode: InodeNumber, _ range: ByteRange, scratch: UnsafeMutableRawBufferPointer,
    _ answer: @escaping @Sendable (ReadAnswer) -> Void
  ) -> (any PendingRequest)? {
    if inode.isSnapshot {
      return control.read(inode, range, answer) ? Pending {} : nil
    }
    guard let object = object(inode) else {
      answer(.failed(refusal(inode)))
      return nil
    }
    let size = object.version.size
    let clipped = min(range.lowerBound, size)..<min(range.upperBound, size)
    if clipped.isEmpty {
      answer(.bytes(UnsafeRawBufferPointer(start: nil, count: 0)))
      return nil
    }
    let isDocument = clipped.lowerBound == 0 && StorageClass.isDocument(object.key)
    let pending = names.read(object, clipped, scratch: scratch) { [self] result in
      switch result {
      case .success(let bytes):
        answer(.bytes(bytes))
        if isDocument { names.noteDocument(object) }
      case .failure(let failure):
        note(failure, of: object)
        answer(.failed(Errno(failure)))
      }
    }
    return Pending(pending)
  }

  /// What a READ of the inode is of; nil where there are no bytes.
  private func object(_ inode: InodeNumber) -> ObjectReference? {
    let known = state.withLock { state -> (InodeTable.Shape, ObjectKey)? in
      guard let node = state.table.node(inode), let key = state.table.key(of: inode) else { return nil }
      return (node.shape, key)
    }
    guard let (shape, key) = known ?? located(inode), case .file(let version) = shape else { return nil }
    return ObjectReference(
      inode: inode, key: key, version: version, class: StorageClass(of: key, size: version.size))
  }

  private func located(_ inode: InodeNumber) -> (InodeTable.Shape, ObjectKey)? {
    guard let shape = names.location(of: inode).flatMap({ InodeTable.Shape($0.entry.kind) }), let key = key(of: inode)
    else { return nil }
    return (shape, key)
  }

  private func refusal(_ inode: InodeNumber) -> Errno {
    switch shape(of: inode) {
    case .poisoned(let errno): errno
    case .directory: .isDirectory
    case .file, nil: .stale
    }
  }

  /// The kernel would believe the name for as long as it was told to.
  private func noteReplaced(_ inode: InodeNumber) {
    let tell = state.withLock { state -> (@Sendable (InodeNumber) -> Void)? in
      guard let node = state.table.node(inode), let name = state.table.name(of: inode) else { return nil }
      state.replaced.note(inode, named: name, in: node.parent)
      return state.onReplaced
    }
    tell?(inode)
  }

  /// Logged here, once, and nowhere below.
  private func note(_ failure: FetchFailure, of object: ObjectReference) {
    if case .interrupted = failure { return }
    names.counters.count(.readFailures)
    log.error("a read failed", [("key", "\(object.key)")] + failure.fields)
    switch failure {
    case .changed, .notFound:
      if let place = names.location(of: object.inode) { names.expire(place.name, in: place.directory, object.inode) }
      noteReplaced(object.inode)
    case .forbidden, .unavailable, .interrupted: break
    }
  }
}
