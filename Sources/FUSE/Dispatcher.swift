import CFUSE
import FileSystem
import Glibc
import Objects
import Platform
import Synchronization

/// Turns a request of the kernel into a call of the file system, and the answer into a reply. libfuse's userdata.
///
/// Runs on the worker that got the request; answers come there (hits) or later from any thread.
final class Dispatcher: Sendable {
  let fileSystem: any ServedFileSystem
  let requests = RequestTable()
  private let extendedAttributes: Bool
  private let parallelDirectories: Bool
  private let isInitialised = Atomic(false)
  /// The kernel remembers ENOSYS to OPEN and sends no OPEN and RELEASE again.
  private let mayRefuseOpen = Atomic(false)
  /// OPEN requests that came; one for the life of a mount when zero-message opens work.
  let opens = Atomic(0)

  init(fileSystem: any ServedFileSystem, options: SessionOptions) {
    self.fileSystem = fileSystem
    extendedAttributes = options.extendedAttributes
    parallelDirectories = options.parallelDirectories
  }

  static func of(_ request: fuse_req_t) -> Dispatcher {
    Unmanaged<Dispatcher>.fromOpaque(fuse_req_userdata(request)!).takeUnretainedValue()
  }

  var hasInitialised: Bool { isInitialised.load(ordering: .acquiring) }

  /// `max_background` of 128: page-cache reads count as background, and 32 reader threads take 0.35 s at the default
  /// of 12 against 0.15 s at 64 (readers.md 7).
  func initialise(_ connection: UnsafeMutablePointer<fuse_conn_info>) {
    let mayRefuse = cfuse_configure(connection, 128, parallelDirectories ? 1 : 0) != 0
    mayRefuseOpen.store(mayRefuse, ordering: .relaxed)
    isInitialised.store(true, ordering: .releasing)
  }

  /// Starts a call that may answer later. The interrupt function is set before the call: afterwards the request may
  /// be answered and gone. libfuse calls it at once when the signal came before, and later with a lock of the request
  /// held that no reply takes, so that an answer from within is safe.
  private func ask(_ request: fuse_req_t, _ start: (Reply) -> (any PendingRequest)?) {
    let number = requests.begin(request)
    fuse_req_interrupt_func(
      request,
      { request, data in
        Dispatcher.of(request!).requests.interrupt(UInt(bitPattern: data))?.interrupt()
      }, UnsafeMutableRawPointer(bitPattern: number))
    if let pending = start(Reply(number, in: requests)), requests.park(number, pending) { pending.interrupt() }
  }

  func lookup(_ request: fuse_req_t, _ parent: InodeNumber, _ name: EntryName) {
    guard name.bytes.count <= EntryName.maximumLength else {
      fuse_reply_err(request, ENAMETOOLONG)
      return
    }
    let fileSystem = fileSystem
    ask(request) { reply in
      fileSystem.lookup(name, in: parent) { answer in
        switch answer {
        case .found(let attributes, let entryValid, let attributesValid):
          let taken = reply.entry(attributes, entryValid: entryValid, attributesValid: attributesValid)
          if !taken { fileSystem.forget(attributes.inode, count: 1) }
        case .absent(let valid): reply.absent(valid: valid)
        case .failed(let error): reply.fail(error)
        }
      }
    }
  }

  func attributes(_ request: fuse_req_t, _ inode: InodeNumber) {
    ask(request) { reply in
      fileSystem.attributes(of: inode) { answer in
        switch answer {
        case .success(let answer): reply.attributes(answer)
        case .failure(let error): reply.fail(error)
        }
      }
    }
  }

  func read(_ request: fuse_req_t, _ inode: InodeNumber, count: Int, at offset: Int64) {
    guard offset >= 0, let scratch = Scratch.current(count: count) else {
      fuse_reply_err(request, EINVAL)
      return
    }
    ask(request) { reply in
      fileSystem.read(inode, offset..<offset + Int64(count), scratch: scratch) { answer in
        switch answer {
        case .bytes(let bytes): reply.bytes(UnsafeRawBufferPointer(rebasing: bytes.prefix(count)))
        case .failed(let error): reply.fail(error)
        }
      }
    }
  }

  func open(_ request: fuse_req_t, _ inode: InodeNumber, _ information: fuse_file_info) {
    opens.add(1, ordering: .relaxed)
    let isForWriting = information.flags & O_ACCMODE != O_RDONLY
    if let error = fileSystem.checkOpen(inode, forWriting: isForWriting) {
      fuse_reply_err(request, error.rawValue)
    } else if mayRefuseOpen.load(ordering: .relaxed) {
      fuse_reply_err(request, ENOSYS)
    } else {
      var information = information
      information.keep_cache = 1
      fuse_reply_open(request, &information)
    }
  }

  func openDirectory(_ request: fuse_req_t, _ inode: InodeNumber, _ information: fuse_file_info) {
    let fileSystem = fileSystem
    ask(request) { reply in
      fileSystem.openDirectory(inode) { answer in
        switch answer {
        case .success(let handle):
          var information = information
          information.fh = handle.packed
          information.cache_readdir = 1
          information.keep_cache = handle.mayKeepCache ? 1 : 0
          if !reply.opened(information) { fileSystem.releaseDirectory(handle) }
        case .failure(let error): reply.fail(error)
        }
      }
    }
  }

  func readDirectory(_ request: fuse_req_t, _ handle: UInt64, count: Int, after offset: Int64, plus: Bool) {
    let fileSystem = fileSystem
    let limit = DirectoryPage.limit(capacity: count, withAttributes: plus)
    ask(request) { reply in
      fileSystem.readDirectory(DirectoryHandle(packed: handle), after: offset, limit: limit) { answer in
        switch answer {
        case .success(let entries):
          Self.reply(entries, to: reply, capacity: count, plus: plus, fileSystem: fileSystem)
        case .failure(let error): reply.fail(error)
        }
      }
    }
  }

  /// With attributes, the kernel takes a reference to each entry that is packed, except dots. They are counted before
  /// the reply, because a forget may come right after it.
  private static func reply(
    _ entries: [DirectoryEntry], to reply: Reply, capacity: Int, plus: Bool, fileSystem: any ServedFileSystem
  ) {
    var page = DirectoryPage(capacity: capacity, withAttributes: plus)
    var packed = 0
    while packed < entries.count, page.append(entries[packed]) { packed += 1 }
    guard packed > 0 || entries.isEmpty else { return reply.fail(.invalid) }
    let counted = plus ? entries[..<packed].filter { !$0.isDot } : []
    if !counted.isEmpty { fileSystem.countLookups(counted[...]) }
    if !reply.bytes(page.bytes) {
      for entry in counted { fileSystem.forget(entry.attributes.inode, count: 1) }
    }
  }

  func statistics(_ request: fuse_req_t) {
    let statistics = fileSystem.statistics()
    var reply = statvfs()
    reply.f_bsize = 4096
    reply.f_frsize = 4096
    reply.f_blocks = UInt(max(statistics.capacity, 0) / 4096)
    reply.f_bfree = UInt(max(statistics.free, 0) / 4096)
    reply.f_bavail = reply.f_bfree
    reply.f_files = UInt(max(statistics.files, 0))
    reply.f_namemax = UInt(EntryName.maximumLength)
    fuse_reply_statfs(request, &reply)
  }

  /// `size` 0 asks how long the value is (getxattr(2), listxattr(2)). ENOSYS is remembered by the kernel, which then
  /// asks no more: `ls -l` asks two per file.
  func extendedAttribute(
    _ request: fuse_req_t, size: Int, _ value: (any ServedFileSystem) -> Result<[UInt8], Errno>
  ) {
    guard extendedAttributes else {
      fuse_reply_err(request, ENOSYS)
      return
    }
    switch value(fileSystem) {
    case .failure(let error): fuse_reply_err(request, error.rawValue)
    case .success(let bytes) where size == 0: fuse_reply_xattr(request, bytes.count)
    case .success(let bytes) where bytes.count > size: fuse_reply_err(request, ERANGE)
    case .success(let bytes):
      bytes.withUnsafeBytes {
        _ = fuse_reply_buf(request, $0.baseAddress?.assumingMemoryBound(to: CChar.self), $0.count)
      }
    }
  }
}
