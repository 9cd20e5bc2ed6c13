import Glibc
import Objects
import Platform

extension DirectoryStore.Shared {
  /// Does the work and answers. On a thread of the store.
  func run(_ job: DirectoryStoreJob) {
    let transfer = job.transfer
    if transfer.isCancelled { return job.fail(DirectoryStoreTransfer.cancelled) }
    switch job.work {
    case .head(let key, let completion):
      let result: Result<ObjectVersion, StoreError>
      do throws(StoreError) { result = .success(try version(of: key)) } catch { result = .failure(error) }
      completion(result)
    case .list(let request, let completion):
      let result: Result<ListPage, StoreError>
      do throws(StoreError) { result = .success(try page(request, transfer)) } catch { result = .failure(error) }
      completion(result)
    case .get(let request, let receiver):
      do throws(StoreError) {
        try send(request, to: receiver, transfer)
        receiver.end(nil)
      } catch { receiver.end(error) }
    }
  }

  private func version(of key: ObjectKey) throws(StoreError) -> ObjectVersion {
    if key.isDirectory { return try markerVersion(of: key) }
    try requirePath(key)
    do throws(Errno) {
      let status = try FileDescriptor.locate(beneath: root, key.bytes).status()
      guard status.isRegularFile else { throw Errno.noEntry }
      return ObjectVersion(status)
    } catch { throw failure(error, key) }
  }

  private func send(
    _ request: GetRequest, to receiver: any GetReceiver, _ transfer: DirectoryStoreTransfer
  ) throws(StoreError) {
    if request.key.isDirectory {
      let version = try markerVersion(of: request.key)
      let range = try resolve(request, version)
      return receiver.begin(GetHead(version: version, range: range))
    }
    try requirePath(request.key)
    let file = try open(request.key)
    let range = try resolve(request, file.version)
    receiver.begin(GetHead(version: file.version, range: range))
    let piece = UnsafeMutableRawBufferPointer.allocate(
      byteCount: max(1, min(range.count, DirectoryStoreFile.pieceSize)), alignment: 4096)
    defer { piece.deallocate() }
    var offset = range.lowerBound
    while offset < range.upperBound {
      if transfer.isCancelled { throw DirectoryStoreTransfer.cancelled }
      let wanted = Int(min(Int64(piece.count), range.upperBound - offset))
      let part = UnsafeMutableRawBufferPointer(rebasing: piece[..<wanted])
      let isSame: Bool
      do throws(Errno) { isSame = try file.read(into: part, at: offset) } catch { throw failure(error, request.key) }
      guard isSame else { throw changed(request.key) }
      receiver.append(UnsafeRawBufferPointer(part))
      offset += Int64(wanted)
    }
  }

  private func open(_ key: ObjectKey) throws(StoreError) -> DirectoryStoreFile {
    do throws(Errno) { return try DirectoryStoreFile(beneath: root, key) } catch { throw failure(error, key) }
  }

  /// RFC 9110: If-Match is judged before Range.
  private func resolve(_ request: GetRequest, _ version: ObjectVersion) throws(StoreError) -> ByteRange {
    if let expected = request.expected, expected != version { throw changed(request.key) }
    let size = version.size
    switch request.range {
    case .whole: return 0..<size
    case .bytes(let range):
      if range.isEmpty || range.lowerBound < 0 {
        throw StoreError(.rejected, "\(url(request.key)): the range \(range) cannot be asked")
      }
      if range.lowerBound < size { return range.clamped(to: 0..<size) }
    case .suffix(let count):
      if size > 0, count > 0 { return max(0, size - count)..<size }
    }
    throw StoreError(.unsatisfiable(size: size), "\(url(request.key)): ends before the range, at \(size)")
  }

  private func changed(_ key: ObjectKey) -> StoreError {
    StoreError(.changed, "\(url(key)): the file changed")
  }

  /// Refuses keys that no file can have: an empty component, `.`, `..`, NUL.
  func requirePath(_ key: ObjectKey) throws(StoreError) {
    let components = key.bytes.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false)
    for component in components where !EntryName(bytes: Array(component)).isPresentable {
      throw StoreError(.notFound, "\(url(key)): no file can have this name")
    }
  }

  func url(_ key: ObjectKey) -> String { "file://\(path)/\(key)" }

  /// What an error number of the disk means for the object.
  func failure(_ error: Errno, _ key: ObjectKey) -> StoreError {
    let kind: StoreError.Kind
    var advice = ""
    switch error.rawValue {
    case ENOENT, ENOTDIR, ENAMETOOLONG, EISDIR, ENXIO:
      // All of a removed directory is absent, and that says nothing about the objects.
      let isGone = ((try? root.status().st_nlink) ?? 0) == 0
      kind = isGone ? .unavailable : .notFound
      if isGone { advice = "; the directory was removed while it was in use" }
    case EACCES, EPERM:
      kind = .forbidden
      advice = "; check its permissions"
    case EXDEV, ELOOP:
      kind = .forbidden
      advice = "; it is a link that leads out of the directory"
    default: kind = .unavailable
    }
    return StoreError(kind, "\(url(key)): \(error)\(advice)")
  }
}

/// A file of the bucket, open, with the version it had then.
struct DirectoryStoreFile: ~Copyable {
  /// Read and handed over at a time; large enough for a network disk's read size, small enough to answer early readers.
  static let pieceSize = 256 * 1024

  let version: ObjectVersion
  private let descriptor: FileDescriptor

  init(beneath root: borrowing FileDescriptor, _ key: ObjectKey) throws(Errno) {
    // O_NONBLOCK: the opening of a FIFO would wait for its writer.
    let opened = try FileDescriptor.open(beneath: root, key.bytes, O_RDONLY | O_NONBLOCK)
    let status = try opened.status()
    guard status.isRegularFile else { throw Errno.noEntry }
    descriptor = opened
    version = ObjectVersion(status)
  }

  /// Fills the buffer. Whether the file is the same version still, asked after the reading: only then the bytes are good.
  func read(into buffer: UnsafeMutableRawBufferPointer, at offset: Int64) throws(Errno) -> Bool {
    let count = try descriptor.read(into: buffer, at: offset)
    let status = try descriptor.status()
    return count == buffer.count && ObjectVersion(status) == version
  }
}

extension stat {
  var isRegularFile: Bool { st_mode & S_IFMT == S_IFREG }
  var isDirectory: Bool { st_mode & S_IFMT == S_IFDIR }
  var isLink: Bool { st_mode & S_IFMT == S_IFLNK }
}

extension ObjectVersion {
  /// A file's: the tag is strong, as a write changes the modification time.
  init(_ status: stat) {
    let nanoseconds = Int64(status.st_mtim.tv_sec) &* 1_000_000_000 &+ Int64(status.st_mtim.tv_nsec)
    let parts = [UInt64(status.st_ino), UInt64(bitPattern: nanoseconds), UInt64(bitPattern: Int64(status.st_size))]
    self.init(
      tag: EntityTag("\"" + parts.map { String($0, radix: 16) }.joined(separator: "-") + "\""),
      size: Int64(status.st_size),
      modified: Int64(status.st_mtim.tv_sec) &* 1000 &+ Int64(status.st_mtim.tv_nsec) / 1_000_000)
  }

  /// An empty directory's marker: of the directory's inode alone.
  init(marker status: stat) {
    self.init(status)
    size = 0
  }
}
