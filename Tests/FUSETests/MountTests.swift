import Glibc
import Objects
import Platform
import Testing

@testable import FUSE

@Suite(.enabled(if: KernelMount.isPossible), .serialized)
struct MountTests {
  static let large = (0..<3_000_000).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ $0 >> 8) }
  static func tree() -> HeldFileSystem {
    HeldFileSystem([
      .init(name: "small", bytes: Array("hello".utf8)), .init(name: "empty", bytes: []),
      .init(name: "large", bytes: large), .init(name: "slow", bytes: Array("later".utf8)),
      .init(name: "slow-large", bytes: large), .init(name: "lost", bytes: Array("never".utf8)),
    ])
  }

  /// An error, and not the end of the process: the session is given back once.
  @Test func aMountThatFailsSaysWhy() {
    let options = SessionOptions(source: "test", mountpoint: "/no/such/mountpoint")
    #expect(throws: MountError.self) { try Session(serving: HeldFileSystem([]), options: options, log: .silent) }
  }

  @Test func readsWhatTheFileSystemHolds() throws {
    let mount = try KernelMount(Self.tree())
    defer { mount.end() }
    #expect(mount.read("small") == .success(Array("hello".utf8)))
    #expect(mount.read("empty") == .success([]))
    let isSame = mount.read("large") == .success(Self.large)
    #expect(isSame)
    #expect(mount.read("missing") == .failure(.noEntry))
  }

  @Test func showsAttributes() throws {
    let mount = try KernelMount(Self.tree())
    defer { mount.end() }
    let status = try #require(mount.status("small"))
    #expect(status.st_ino == UInt(HeldFileSystem.firstFile))
    #expect(status.st_mode == S_IFREG | 0o444)
    #expect(status.st_size == 5)
    #expect(status.st_blksize == 4096)
    #expect(status.st_blocks == 1)
    #expect(status.st_mtim.tv_sec == 1_700_000_000)
    #expect(status.st_mtim.tv_nsec == 123_000_000)
    let directory = try #require(mount.status("held"))
    #expect(directory.st_mode == S_IFDIR | 0o555)
  }

  @Test func listsWithTypes() throws {
    let many = HeldFileSystem((0..<5_000).map { .init(name: "file-\($0)", bytes: [1]) })
    let mount = try KernelMount(many)
    defer { mount.end() }
    let names = try #require(mount.list())
    #expect(names.count == 5_003)
    #expect(names["held"] == UInt8(DT_DIR))
    #expect(names["file-4999"] == UInt8(DT_REG))
    // Each entry handed over with attributes was counted; nothing was counted below zero.
    let isSound = many.state.withLock { state in state.lookups.values.allSatisfy { $0 >= 0 } }
    #expect(isSound)
    #expect(many.state.withLock { $0.lookups[1] } == nil)
  }

  @Test func refusesWrites() throws {
    let mount = try KernelMount(Self.tree())
    defer { mount.end() }
    #expect(Glibc.open("\(mount.path)/new", O_WRONLY | O_CREAT, 0o600) == -1 && errno == EROFS)
    #expect(Glibc.open("\(mount.path)/small", O_RDWR) == -1 && errno == EROFS)
    #expect(mkdir("\(mount.path)/directory", 0o700) == -1 && errno == EROFS)
    #expect(unlink("\(mount.path)/small") == -1 && errno == EROFS)
    #expect(rename("\(mount.path)/small", "\(mount.path)/other") == -1 && errno == EROFS)
  }

  /// Without the kernel's own guard it is our table that refuses.
  @Test func refusesWritesAfterRemount() throws {
    let mount = try KernelMount(Self.tree())
    defer { mount.end() }
    guard geteuid() == 0 else { return }
    try #require(Glibc.mount("x", mount.path, "fuse", UInt(MS_REMOUNT), nil) == 0)
    #expect(mkdir("\(mount.path)/directory", 0o700) == -1 && errno == EROFS)
    #expect(unlink("\(mount.path)/small") == -1 && errno == EROFS)
    #expect(truncate("\(mount.path)/small", 0) == -1 && errno == EROFS)
  }

  /// Files are opened and closed without a message to us: only the first OPEN comes, and is answered ENOSYS.
  @Test func opensCostNoMessage() throws {
    let mount = try KernelMount(Self.tree())
    defer { mount.end() }
    for _ in 0..<20 { #expect(mount.read("small") == .success(Array("hello".utf8))) }
    #expect(mount.read("large").isSuccess)
    #expect(mount.session.openRequests == 1)
  }

  /// The second listing is the kernel's own (FOPEN_CACHE_DIR | FOPEN_KEEP_CACHE).
  @Test func listsAgainWithoutAsking() throws {
    let fileSystem = Self.tree()
    let mount = try KernelMount(fileSystem)
    defer { mount.end() }
    let first = try #require(mount.list())
    let pages = fileSystem.state.withLock { $0.pages }
    #expect(pages > 0)
    #expect(mount.list() == first)
    #expect(fileSystem.state.withLock { $0.pages } == pages)
  }

  /// Unless the file system says that the listing is another one.
  @Test func asksAgainForAnotherListing() throws {
    let fileSystem = Self.tree()
    fileSystem.state.withLock { $0.mayKeepCache = false }
    let mount = try KernelMount(fileSystem)
    defer { mount.end() }
    let first = try #require(mount.list())
    let pages = fileSystem.state.withLock { $0.pages }
    #expect(mount.list() == first)
    #expect(fileSystem.state.withLock { $0.pages } > pages)
  }

  @Test func parkedReadsAreAnsweredFromAnotherThread() throws {
    let fileSystem = Self.tree()
    let mount = try KernelMount(fileSystem)
    defer { mount.end() }
    let results = Monitor<[Result<[UInt8], Errno>]>([])
    let readers = try inParallel(2) { index in
      let result = mount.read(index == 0 ? "slow" : "slow-large")
      results.withLock { $0.append(result) }
    }
    #expect(fileSystem.waitUntilHeld(2))
    #expect(mount.session.waitingRequests >= 2)
    // Meanwhile everything else is answered.
    #expect(mount.read("small") == .success(Array("hello".utf8)))
    fileSystem.release()
    for reader in readers { reader.join() }
    let isRight = results.withLock { results in
      results.contains(.success(Array("later".utf8))) && results.contains(.success(Self.large))
    }
    #expect(isRight)
    #expect(mount.session.waitingRequests == 0)
  }

  /// More reads wait than there are workers, and a hit is still answered.
  @Test func waitingReadersDoNotHoldWorkers() throws {
    let names = (0..<40).map { "slow-\($0)" }
    let fileSystem = HeldFileSystem(
      names.map { .init(name: $0, bytes: [7]) } + [.init(name: "small", bytes: Array("hello".utf8))])
    let mount = try KernelMount(fileSystem) { $0.workers = 2 }
    defer { mount.end() }
    let readers = try inParallel(40) { _ = mount.read(names[$0]) }
    #expect(fileSystem.waitUntilHeld(40))
    #expect(mount.read("small") == .success(Array("hello".utf8)))
    fileSystem.release()
    for reader in readers { reader.join() }
  }

  @Test func lookupsInOneDirectoryRunInParallel() throws {
    #expect(try mostHeldLookups(parallel: true) == 200)
  }

  /// The other way round: without the bit in the INIT reply the kernel sends one lookup per directory at a time.
  @Test func lookupsInOneDirectoryAreSerialWithoutTheBit() throws {
    #expect(try mostHeldLookups(parallel: false) == 1)
  }

  private func mostHeldLookups(parallel: Bool) throws -> Int {
    let fileSystem = Self.tree()
    let mount = try KernelMount(fileSystem) { $0.parallelDirectories = parallel }
    defer { mount.end() }
    let readers = try inParallel(parallel ? 200 : 20) { _ = mount.status("held/name-\($0)") }
    // Wait for all where they can come; where they cannot, long enough for a second one to show.
    _ = fileSystem.waitUntilHeld(parallel ? 200 : 2, seconds: parallel ? 60 : 1)
    let most = fileSystem.state.withLock { $0.mostHeld }
    fileSystem.release()
    for reader in readers { reader.join() }
    return most
  }

  @Test(arguments: ["held/name", "slow"])
  func aKilledReaderInterruptsWhatItWaitsFor(name: String) throws {
    let fileSystem = Self.tree()
    let mount = try KernelMount(fileSystem)
    defer { mount.end() }
    let isLookup = name.hasPrefix("held")
    // cat(1) would read through the page cache, for which the kernel sends no FUSE_INTERRUPT.
    let pid =
      isLookup
      ? mount.spawn("/usr/bin/stat", "\(mount.path)/\(name)") : mount.spawn("/bin/cat", "\(mount.path)/\(name)")
    #expect(pid > 0)
    #expect(fileSystem.waitUntilHeld(1))
    kill(pid, SIGKILL)
    if isLookup { #expect(fileSystem.waitForInterrupt()) }
    var status: CInt = 0
    #expect(waitpid(pid, &status, 0) == pid)
    #expect(status & 0x7f == SIGKILL)
    fileSystem.release()
    #expect(mount.read("small") == .success(Array("hello".utf8)))
  }

  @Test func aDroppedRequestAnswersEIO() throws {
    let mount = try KernelMount(Self.tree())
    defer { mount.end() }
    #expect(mount.read("lost") == .failure(.inputOutput))
    #expect(mount.session.waitingRequests == 0)
  }

  @Test func stopsWithRequestsWaiting() throws {
    let fileSystem = Self.tree()
    let mount = try KernelMount(fileSystem)
    let results = Monitor<[Result<[UInt8], Errno>]>([])
    let reader = try Thread.start("reader") {
      let result = mount.read("slow")
      results.withLock { $0.append(result) }
    }
    #expect(fileSystem.waitUntilHeld(1))
    mount.end()
    reader.join()
    let result = try #require(results.withLock { $0.first })
    #expect(!result.isSuccess)
    #expect(try MountTable.current().mount(at: mount.path) == nil)
    fileSystem.release()
  }

  /// The file system never answers, not even to the interrupt: the mount ends all the same, and an answer that comes
  /// after the end goes nowhere.
  @Test func stopsWithARequestThatIsNeverAnswered() throws {
    let fileSystem = Self.tree()
    let mount = try KernelMount(fileSystem)
    let reader = try Thread.start("reader") { _ = mount.read("slow") }
    #expect(fileSystem.waitUntilHeld(1))
    let kept = fileSystem.state.withLock { state in
      defer { state.held = [] }
      return state.held
    }
    mount.end()
    reader.join()
    for request in kept { request.answer(false) }
  }

  @Test func endsWhenUnmountedFromOutside() throws {
    let mount = try KernelMount(Self.tree())
    #expect(mount.read("small").isSuccess)
    let pid = mount.spawn("/usr/bin/fusermount3", "-u", mount.path)
    var status: CInt = 0
    waitpid(pid, &status, 0)
    #expect(status == 0)
    mount.waitForEnd()
    #expect(try MountTable.current().mount(at: mount.path) == nil)
  }

  @Test func stopsWhileBusy() throws {
    let mount = try KernelMount(Self.tree())
    let file = try FileDescriptor.open("\(mount.path)/small", O_RDONLY)
    mount.end()
    #expect(try MountTable.current().mount(at: mount.path) == nil)
    var status = stat()
    #expect(fstat(file.rawValue, &status) == 0 || errno == ENOTCONN)
  }

  @Test func showsItsMountAndReadAhead() throws {
    let mount = try KernelMount(Self.tree())
    defer { mount.end() }
    let entry = try #require(try MountTable.current().mount(at: mount.path))
    #expect(entry.type == "fuse.zarrfs")
    #expect(entry.source == "test:,with\\comma")
    var volume = statvfs()
    #expect(statvfs(mount.path, &volume) == 0)
    #expect(volume.f_blocks == 1 << 18)
    #expect(volume.f_flag & UInt(ST_RDONLY) != 0)
    guard geteuid() == 0, access("/sys/class/bdi/\(entry.device)/read_ahead_kb", W_OK) == 0 else { return }
    let file = try FileDescriptor.open("/sys/class/bdi/\(entry.device)/read_ahead_kb", O_RDONLY)
    let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 64, alignment: 1)
    defer { buffer.deallocate() }
    let count = try file.read(into: buffer, at: 0)
    #expect(String(decoding: buffer[..<count], as: UTF8.self) == "1024\n")
  }
}

extension Result {
  var isSuccess: Bool {
    if case .success = self { return true }
    return false
  }
}
