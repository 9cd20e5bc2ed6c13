import Glibc
import Objects
import Platform
import Synchronization

extension DirectoryStore.Shared {
  /// One page of the keys below a prefix, in the order of bytes.
  func page(_ request: ListRequest, _ transfer: DirectoryStoreTransfer) throws(StoreError) -> ListPage {
    let token =
      try DirectoryStoreToken(request.continuation)
      ?? DirectoryStoreToken(
        listing: nextID.wrappingAdd(1, ordering: .relaxed).newValue, last: [])
    let slash = request.prefix.bytes.lastIndex(of: UInt8(ascii: "/"))
    let directory = ObjectKey(bytes: slash.map { Array(request.prefix.bytes[...$0]) } ?? [])
    var walk = Walk(request: request, token: token, transfer: transfer)
    if !directory.bytes.isEmpty {
      do throws(StoreError) { try requirePath(ObjectKey(bytes: Array(directory.bytes.dropLast()))) } catch {
        return ListPage()
      }
    }
    // A prefix that no key has is an empty listing.
    do throws(StoreError) { try list(directory, &walk) } catch  where error.kind == .notFound {}
    if walk.page.continuation == nil { listings.withLock { $0.forget(token.listing) } }
    return walk.page
  }

  /// An empty directory's version. `notFound` where there is no directory or it has names.
  func markerVersion(of key: ObjectKey) throws(StoreError) -> ObjectVersion {
    guard !key.bytes.isEmpty else { throw StoreError(.notFound, "\(url(key)): the root is no object") }
    try requirePath(ObjectKey(bytes: Array(key.bytes.dropLast())))
    let (names, status) = try read(key)
    guard names.isEmpty else { throw StoreError(.notFound, "\(url(key)): a directory, and no object") }
    return ObjectVersion(marker: status)
  }

  /// A page being made.
  private struct Walk {
    let request: ListRequest
    let token: DirectoryStoreToken
    let transfer: DirectoryStoreTransfer
    var page = ListPage()
    /// The last key or rolled-up prefix of the page.
    var last: [UInt8] = []
    /// The directories on the way down, by device and inode: a link back to one of them would have no end.
    var ancestors: [[UInt64]] = []

    init(request: ListRequest, token: DirectoryStoreToken, transfer: DirectoryStoreTransfer) {
      self.request = request
      self.token = token
      self.transfer = transfer
    }

    var isEmpty: Bool { page.objects.isEmpty && page.prefixes.isEmpty }
    var isFull: Bool { page.objects.count + page.prefixes.count >= max(1, min(request.limit, 1000)) }

    /// Whether there is room; if not, the page is closed and goes on after its last key.
    mutating func hasRoom() -> Bool {
      guard isFull else { return true }
      page.continuation = DirectoryStoreToken(listing: token.listing, last: last).text
      return false
    }
  }

  /// Adds what is in the directory and sorts after the token.
  private func list(_ directory: ObjectKey, _ walk: inout Walk) throws(StoreError) {
    if walk.transfer.isCancelled { throw DirectoryStoreTransfer.cancelled }
    let stream = try open(directory)
    let status = try self.status(stream, directory)
    // A removed directory that is still open lists as empty.
    if status.st_nlink == 0 { throw failure(.noEntry, directory) }
    let identity = [UInt64(status.st_dev), UInt64(status.st_ino)]
    if walk.ancestors.contains(identity) { return }
    // Each level holds a descriptor and some stack.
    guard walk.ancestors.count < 100 else {
      throw StoreError(.rejected, "\(url(directory)): directories more than 100 deep cannot be listed as one")
    }
    walk.ancestors.append(identity)
    defer { walk.ancestors.removeLast() }

    let listing = walk.token.listing
    let kept = listings.withLock { $0.take(directory, of: listing) }
    let names = if let kept { kept } else { try read(directory, stream) }
    // Only what the next page needs: the directories on the way to its first key.
    defer { if walk.page.continuation != nil { listings.withLock { $0.keep(names, of: directory, listing: listing) } } }
    let prefix = walk.request.prefix.bytes
    let last = walk.token.last
    if names.isEmpty, !directory.bytes.isEmpty, directory.bytes.starts(with: prefix),
      Self.precedes(last, directory.bytes)
    {
      guard walk.hasRoom() else { return }
      walk.page.objects.append(.init(key: directory, version: ObjectVersion(marker: status)))
      walk.last = directory.bytes
      return
    }
    // What a key in this directory must not be below, without the directory's part: the prefix's rest, and the token's.
    let wanted = prefix.count > directory.bytes.count ? prefix[directory.bytes.count...] : []
    var index = names.firstIndex(notBelow: wanted)
    if last.starts(with: directory.bytes) {
      // The name that the token is in is itself a candidate: a directory may have more.
      let rest = last[directory.bytes.count...]
      let name = rest.firstIndex(of: UInt8(ascii: "/")).map { rest[...$0] } ?? rest
      index = max(index, names.firstIndex(notBelow: name))
    }
    while index < names.count {
      let part = names.keyPart(index)
      guard part.starts(with: wanted) else { return }
      let key = ObjectKey(bytes: directory.bytes + part)
      if names.isDirectory(index), !walk.request.delimited {
        try listVanishing(key, &walk)
        if walk.page.continuation != nil { return }
      } else if Self.precedes(last, key.bytes) {
        guard walk.hasRoom() else { return }
        if names.isDirectory(index) {
          walk.page.prefixes.append(key)
          walk.last = key.bytes
        } else if let version = try self.version(key, names.name(index), stream) {
          walk.page.objects.append(.init(key: key, version: version))
          walk.last = key.bytes
        }
      }
      index += 1
    }
  }

  /// A directory that was listed by its parent a moment ago may be gone, as any object may.
  private func listVanishing(_ directory: ObjectKey, _ walk: inout Walk) throws(StoreError) {
    do throws(StoreError) { try list(directory, &walk) } catch  where error.kind == .notFound {}
  }

  /// A listed file's version; nil if it vanished, or is a link to nothing.
  private func version(
    _ key: ObjectKey, _ name: ArraySlice<UInt8>, _ stream: borrowing OpenDirectory
  ) throws(StoreError) -> ObjectVersion? {
    do throws(Errno) {
      let status = try stream.status(of: name)
      guard status.isLink else { return status.isRegularFile ? ObjectVersion(status) : nil }
      do throws(Errno) {
        let target = try FileDescriptor.locate(beneath: root, key.bytes).status()
        return target.isRegularFile ? ObjectVersion(target) : nil
      } catch {
        // A link that leads out is shown, and refused when it is read: hidden, it would pass for a missing chunk.
        return error.rawValue == EXDEV || error.rawValue == ELOOP ? ObjectVersion(status) : nil
      }
    } catch {
      let failure = failure(error, key)
      if failure.kind == .notFound { return nil }
      throw failure
    }
  }

  // MARK: The names of one directory

  private func read(_ directory: ObjectKey) throws(StoreError) -> (DirectoryStoreNames, stat) {
    let stream = try open(directory)
    return (try read(directory, stream), try status(stream, directory))
  }

  private func read(_ directory: ObjectKey, _ stream: borrowing OpenDirectory) throws(StoreError) -> DirectoryStoreNames
  {
    var names = DirectoryStoreNames()
    var unsure: [[UInt8]] = []
    do throws(Errno) {
      try stream.forEach { name, type in
        switch type {
        case Int32(DT_REG): names.append(name, isDirectory: false)
        case Int32(DT_DIR): names.append(name, isDirectory: true)
        case Int32(DT_LNK), Int32(DT_UNKNOWN): unsure.append(Array(name))
        default: break
        }
      }
    } catch { throw failure(error, directory) }
    for name in unsure {
      guard let isDirectory = try isDirectory(directory.appending(EntryName(bytes: name))) else { continue }
      name.withUnsafeBytes { names.append($0, isDirectory: isDirectory) }
    }
    names.sort()
    return names
  }

  /// What a link, or a name of unknown type, is; nil for what is neither file nor directory.
  private func isDirectory(_ key: ObjectKey) throws(StoreError) -> Bool? {
    do throws(Errno) {
      let status = try FileDescriptor.locate(beneath: root, key.bytes).status()
      return status.isDirectory ? true : status.isRegularFile || status.isLink ? false : nil
    } catch {
      if error.rawValue == EXDEV || error.rawValue == ELOOP { return false }
      let failure = failure(error, key)
      if failure.kind == .notFound { return nil }
      throw failure
    }
  }

  private func open(_ directory: ObjectKey) throws(StoreError) -> OpenDirectory {
    do throws(Errno) { return try OpenDirectory(beneath: root, directory.bytes.dropLast()) } catch {
      throw failure(error, directory)
    }
  }

  private func status(_ stream: borrowing OpenDirectory, _ directory: ObjectKey) throws(StoreError) -> stat {
    do throws(Errno) { return try stream.status() } catch { throw failure(error, directory) }
  }

  /// Whether `a` sorts before `b`.
  private static func precedes(_ a: [UInt8], _ b: [UInt8]) -> Bool {
    let order = memcmp(a, b, min(a.count, b.count))
    return order != 0 ? order < 0 : a.count < b.count
  }
}
