import Fetch
package import Objects
import Platform

extension ZarrFileSystem {
  package func lookup(
    _ name: EntryName, in parent: InodeNumber, _ answer: @escaping @Sendable (LookupAnswer) -> Void
  ) -> (any PendingRequest)? {
    if parent.isControl || (parent == .root && name == ControlFiles.directoryName) {
      return lookupControl(name, in: parent, answer) ? Pending {} : nil
    }
    guard name.isPresentable else {
      answer(name.bytes.count > EntryName.maximumLength ? .failed(.nameTooLong) : .absent(valid: .zero))
      return nil
    }
    guard let directory = directory(parent) else {
      answer(.failed(shape(of: parent) == nil ? .stale : .notDirectory))
      return nil
    }
    state.withLock { $0.replaced.lookedUp(name, in: parent) }
    let pending = names.lookup(name, in: directory) { [self] resolution in
      answer(found(resolution, name, in: directory))
    }
    return Pending(pending)
  }

  private func found(
    _ resolution: Resolution, _ name: EntryName, in directory: DirectoryReference
  ) -> LookupAnswer {
    switch resolution {
    case .absent(let valid): return .absent(valid: min(valid, options.entryCap))
    case .unknown(let failure): return poisoned(failure, name, in: directory)
    case .found(let entry, let valid):
      guard let shape = InodeTable.Shape(entry.kind) else { return .absent(valid: .zero) }
      hold(entry.inode, named: name, in: directory.inode, shape)
      return .found(
        attributes(entry.inode, shape), entryValid: min(valid, options.entryCap), attributesValid: .infinite)
    }
  }

  func hold(_ inode: InodeNumber, named name: EntryName, in directory: InodeNumber, _ shape: InodeTable.Shape) {
    let isHeld = state.withLock { $0.table.hold(inode, named: name, in: directory, shape) }
    if !isHeld { log.debug("the kernel asked in a directory that it had forgotten", [("name", "\(name)")]) }
  }

  /// A file whose reading fails: the one answer that every reader understands as a fault (promise 3).
  private func poisoned(
    _ failure: FetchFailure, _ name: EntryName, in directory: DirectoryReference
  ) -> LookupAnswer {
    names.counters.count(.poisoned)
    let errno = Errno(poisoning: failure)
    let fields = { [("key", "\(directory.key.appending(name))")] + failure.fields }
    switch failure {
    case .interrupted: break
    case .forbidden:
      log.error(
        "the remote forbids a name: check the credentials (--profile, --no-sign-request) and the bucket's policy",
        fields())
    default: log.error("a name could not be found out: it appears as a file whose reading fails", fields())
    }
    let shape = InodeTable.Shape.poisoned(errno)
    let inode = state.withLock { state in
      let inode = InodeNumber(state.nextPoisoned)
      state.nextPoisoned += 1
      _ = state.table.hold(inode, named: name, in: directory.inode, shape)
      return inode
    }
    return .found(attributes(inode, shape), entryValid: .zero, attributesValid: .zero)
  }
}
