import Fetch
package import Objects
package import Platform

extension ZarrFileSystem {
  package func openDirectory(
    _ inode: InodeNumber, _ answer: @escaping @Sendable (Result<DirectoryHandle, Errno>) -> Void
  ) -> (any PendingRequest)? {
    if inode.isControl {
      answer(open(inode, .fixed(controlEntries(of: inode))))
      return nil
    }
    guard let directory = directory(inode) else {
      answer(.failure(shape(of: inode) == nil ? .stale : .notDirectory))
      return nil
    }
    let pending = names.openListing(of: directory) { [self] result in
      switch result {
      case .success(let stream): answer(open(inode, .stream(stream)))
      case .failure(let failure): answer(.failure(Errno(failure)))
      }
    }
    return Pending(pending)
  }

  private func open(_ inode: InodeNumber, _ source: DirectoryTable.Source) -> Result<DirectoryHandle, Errno> {
    let parent = inode.isControl ? parentOfControl(inode) : parent(of: inode)
    let handle = directories.withLock { $0.open(DirectoryTable.Open(inode: inode, parent: parent, source: source)) }
    if let handle { return .success(handle) }
    if case .stream(let stream) = source { stream.close() }
    return .failure(.tooManyOpen)
  }

  private func parent(of inode: InodeNumber) -> InodeNumber {
    state.withLock { $0.table.node(inode)?.parent } ?? names.location(of: inode)?.directory ?? .root
  }

  package func readDirectory(
    _ handle: DirectoryHandle, after offset: Int64, limit: Int,
    _ answer: @escaping @Sendable (Result<[DirectoryEntry], Errno>) -> Void
  ) -> (any PendingRequest)? {
    guard let open = directories.withLock({ $0[handle] }) else {
      answer(.failure(.badDescriptor))
      return nil
    }
    if offset < Self.dots {
      // At once, and before anything is heard from the remote.
      answer(.success(Array(dots(of: open).dropFirst(Int(max(0, offset))))))
      return nil
    }
    switch open.source {
    case .fixed(let entries):
      answer(.success(Array(entries.filter { $0.offset > offset }.prefix(max(1, limit)))))
      return nil
    case .stream(let stream):
      return Pending(next(handle, open, stream, after: offset - Self.dots, limit: max(1, limit), answer))
    }
  }

  /// `.` and `..` are at the offsets 1 and 2; names follow with their cursor plus two.
  private static var dots: Int64 { 2 }

  private func dots(of open: DirectoryTable.Open) -> [DirectoryEntry] {
    [(".", open.inode, 1), ("..", open.parent, 2)].map { name, inode, offset in
      DirectoryEntry(
        name: name, attributes: attributes(inode, .directory), offset: offset, entryValid: .zero,
        attributesValid: .zero, isDot: true)
    }
  }

  private func next(
    _ handle: DirectoryHandle, _ open: DirectoryTable.Open, _ stream: ListingStream, after cursor: Int64, limit: Int,
    _ answer: @escaping @Sendable (Result<[DirectoryEntry], Errno>) -> Void
  ) -> (any PendingName)? {
    stream.next(after: cursor, limit: limit) { [self] result in
      switch result {
      case .failure(let failure): answer(.failure(Errno(failure)))
      case .success(let listed):
        let entries = listed.compactMap { entry(of: $0, in: open.inode) }
        if entries.isEmpty, let last = listed.last {
          // All of them hidden: that is not the end.
          _ = next(handle, open, stream, after: last.cursor, limit: limit, answer)
          return
        }
        remember(listed, handle, open.inode)
        answer(.success(entries))
      }
    }
  }

  private func entry(of listed: ListedName, in directory: InodeNumber) -> DirectoryEntry? {
    guard let shape = InodeTable.Shape(listed.entry.kind) else { return nil }
    // A key of the control directory's name cannot be reached.
    if directory == .root, listed.name == ControlFiles.directoryName { return nil }
    return DirectoryEntry(
      name: listed.name, attributes: attributes(listed.entry.inode, shape), offset: listed.cursor + Self.dots,
      entryValid: min(names.validity(of: listed.entry), options.entryCap), attributesValid: .infinite)
  }

  // MARK: References by READDIRPLUS

  private func remember(_ listed: [ListedName], _ handle: DirectoryHandle, _ directory: InodeNumber) {
    state.withLock { state in
      state.forgetBatch(of: handle)
      for name in listed {
        guard let shape = InodeTable.Shape(name.entry.kind) else { continue }
        state.listed[name.entry.inode] = Listed(handle: handle.rawValue, directory: directory, shape: shape)
        state.batches[handle.rawValue, default: []].append(name.entry.inode)
      }
    }
  }

  package func countLookups(_ entries: ArraySlice<DirectoryEntry>) {
    let unknown = state.withLock { state in
      entries.filter { entry in
        if entry.isDot { return false }
        let inode = entry.attributes.inode
        guard let listed = state.listed[inode] else { return true }
        return !state.table.hold(inode, named: entry.name, in: listed.directory, listed.shape)
      }
    }
    for entry in unknown {
      guard let place = names.location(of: entry.attributes.inode), let shape = InodeTable.Shape(place.entry.kind)
      else { continue }
      hold(entry.attributes.inode, named: entry.name, in: place.directory, shape)
    }
  }

  package func releaseDirectory(_ handle: DirectoryHandle) {
    let open = directories.withLock { $0.close(handle) }
    state.withLock { $0.forgetBatch(of: handle) }
    if case .stream(let stream) = open?.source { stream.close() }
  }
}

extension ZarrFileSystem.State {
  /// What the handle's last batch showed, unless another handle showed it since.
  mutating func forgetBatch(of handle: DirectoryHandle) {
    for inode in batches.removeValue(forKey: handle.rawValue) ?? [] where listed[inode]?.handle == handle.rawValue {
      listed[inode] = nil
    }
  }
}
