import Glibc
import Objects
import Platform
import TestSupport
import Testing

@testable import Cache

@Suite struct CacheFolderTests {
  let fixture = CacheFixture()

  private func reason(_ configuration: CacheConfiguration) -> String {
    do {
      try BlockCache(configuration, time: fixture.time, log: .silent).close()
      return ""
    } catch {
      return error.description
    }
  }

  @Test func directoriesAndFilesAreOursAlone() throws {
    let cache = try fixture.open()
    let (inode, body) = cache.file("a", size: 10)
    #expect(try #require(body).fill(0..<10, seed: 1))
    cache.close()
    func mode(_ path: String) -> mode_t {
      var status = stat()
      #expect(lstat(path, &status) == 0)
      return status.st_mode & 0o777
    }
    for directory in [fixture.root, fixture.folder, fixture.folder + "/bodies"] { #expect(mode(directory) == 0o700) }
    for file in [fixture.folder + "/index.sqlite", fixture.folder + "/lock", fixture.bodyPath(inode)] {
      #expect(mode(file) == 0o600)
    }
    #expect(try FileDescriptor.open(fixture.bodyPath(inode), O_RDONLY).status().st_size == 10)
  }

  @Test func aSizeThatCannotWorkIsRefused() {
    #expect(reason(fixture.configuration(size: (16 << 20) - 1)).contains("--cache-size at least 16MiB"))
    #expect(reason(fixture.configuration(size: 16 << 20)).isEmpty)
  }

  @Test func aLinkIsRefused() {
    #expect(symlink("/tmp", fixture.root) == 0)
    #expect(reason(fixture.configuration()).contains("symbolic link"))
  }

  @Test(.enabled(if: geteuid() == 0, "gives a link away"))
  func aLinkOfAnotherOnTheWayIsRefused() {
    let shared = fixture.directory.path("shared")
    mkdir(shared, 0o700)
    let link = fixture.directory.path("link")
    #expect(symlink(shared, link) == 0)
    var configuration = fixture.configuration()
    configuration.directory = link + "/cache"
    #expect(reason(configuration).isEmpty)
    #expect(lchown(link, 12345, 12345) == 0)
    #expect(reason(configuration).contains("\(link) is a symbolic link of user 12345"))
    configuration.directory = link + "/other"
    #expect(reason(configuration).contains("\(link) is a symbolic link of user 12345"))
    #expect(access(shared + "/other", F_OK) != 0)
  }

  @Test func aParentWhereAnybodyMayRenameIsRefused() {
    let shared = fixture.directory.path("shared")
    mkdir(shared, 0o700)
    var configuration = fixture.configuration()
    configuration.directory = shared + "/cache"
    chmod(shared, 0o777)
    #expect(reason(configuration).contains("anybody may rename what is in \(shared)"))
    // As /tmp.
    chmod(shared, 0o1777)
    #expect(reason(configuration).isEmpty)
  }

  @Test func aFileIsRefused() {
    _ = system("touch '\(fixture.root)'")
    #expect(reason(fixture.configuration()).contains("--cache-dir"))
  }

  @Test func aDirectoryThatOthersMayWriteIsRefused() {
    mkdir(fixture.root, 0o700)
    chmod(fixture.root, 0o770)
    #expect(reason(fixture.configuration()).contains("chmod go-w"))
    chmod(fixture.root, 0o755)
    #expect(reason(fixture.configuration()).isEmpty)
  }

  @Test func aDirectoryThatCannotBeMadeIsRefused() {
    var configuration = fixture.configuration()
    configuration.directory = "/proc/zarrfs"
    #expect(reason(configuration).contains("--cache-dir"))
  }

  @Test(.enabled(if: geteuid() == 0, "gives a directory away"))
  func anothersDirectoryIsRefused() {
    mkdir(fixture.root, 0o700)
    #expect(chown(fixture.root, 12345, 12345) == 0)
    #expect(reason(fixture.configuration()).contains("belongs to user 12345"))
  }

  @Test func sourcesHaveTheirOwnFolders() {
    #expect(CacheFolder.name(of: "s3://a") != CacheFolder.name(of: "s3://b"))
    #expect(CacheFolder.name(of: "s3://a").utf8.count == 32)
  }
}

@Suite struct CacheInspectionTests {
  let fixture = CacheFixture()
  private let block = BlockGeometry.blockSize

  @Test func infoTellsOfACacheHeldOrNot() throws {
    #expect(CacheInspection.info(directory: fixture.root).isEmpty)
    let cache = try fixture.open()
    let body = try #require(cache.file("a", size: 3 * block).1)
    #expect(body.fill(0..<3 * block, seed: 1))
    cache.tick()
    let held = try #require(CacheInspection.info(directory: fixture.root).first)
    #expect(held.holder == getpid())
    #expect(held.source == CacheFixture.source)
    #expect(held.bodies == 1)
    #expect(!held.isClean)
    cache.close()
    let free = try #require(CacheInspection.info(directory: fixture.root, source: CacheFixture.source).first)
    #expect(free.holder == nil)
    #expect(free.isClean)
    #expect(free.entries == 1)
    #expect(free.bodyBytes >= 3 * block)
    #expect(free.allocated >= free.bodyBytes)
    #expect(CacheInspection.info(directory: fixture.root, source: "other").isEmpty)
  }

  @Test func verifyFindsAndDropsWhatIsDamaged() throws {
    let cache = try fixture.open()
    let (inode, made) = cache.file("a", size: 70 * block)
    #expect(try #require(made).fill(0..<70 * block, seed: 1))
    #expect(throws: CacheError.heldByProcess(pid: getpid())) {
      _ = try CacheInspection.verify(directory: fixture.root, source: CacheFixture.source, log: .silent)
    }
    cache.close()
    var result = try CacheInspection.verify(directory: fixture.root, source: CacheFixture.source, log: .silent)
    #expect(result.bodies == 1)
    #expect(result.blocks == 70)
    #expect(result.bytes == 70 * block)
    #expect(result.damaged == 0)
    let file = try FileDescriptor.open(fixture.bodyPath(inode), O_RDWR)
    for offset in [0, 65 * block] as [Int64] {
      overwrite(file, [UInt8(1), 2], at: offset)
    }
    var calls = 0
    result = try CacheInspection.verify(directory: fixture.root, source: CacheFixture.source, log: .silent) { _ in
      calls += 1
    }
    #expect(calls == 1)
    #expect(result.damaged == 2)
    result = try CacheInspection.verify(directory: fixture.root, source: CacheFixture.source, log: .silent)
    #expect(result.damaged == 0)
    #expect(result.blocks == 68)
  }

  @Test func clearEmptiesAndKeepsTheNumbers() throws {
    var cache = try fixture.open()
    let (inode, made) = cache.file("a", size: block)
    #expect(try #require(made).fill(0..<block, seed: 1))
    #expect(throws: CacheError.heldByProcess(pid: getpid())) { try CacheInspection.clear(directory: fixture.root) }
    cache.close()
    let freed = try CacheInspection.clear(directory: fixture.root, source: CacheFixture.source)
    #expect(freed >= block)
    #expect(fixture.allocated < 64 << 10)
    cache = try fixture.open()
    defer { cache.close() }
    #expect(cache.index.entry("a", in: .root) == nil)
    #expect(cache.file("a", size: block).0 > inode)
  }
}
