import CSQLite
import Glibc
import Objects
import Platform
import TestSupport
import Testing

@testable import Cache

private let block = BlockGeometry.blockSize

/// What power loss does to files that nobody synced: cut, zeroed, with blocks of another time, an index of another time,
/// a log cut anywhere. After such a stop whatever is read is right, and what is not there any more is fetched again.
@Suite struct PowerLossTests {
  let fixture = CacheFixture()
  /// By name: size and content, told by the inode.
  private static let sizes: [Int64] = [block, 3 * block + 17, 66 * block, 5]

  private struct Known {
    var name: EntryName
    var inode: InodeNumber
    var size: Int64
  }

  private func known(_ index: Int, in cache: BlockCache) -> Known {
    let size = index < 8 ? Self.sizes[index % Self.sizes.count] : 2 * block
    return Known(name: EntryName("f\(index)"), inode: cache.file(EntryName("f\(index)"), size: size).0, size: size)
  }

  /// Fills these objects, each with its own content, in pieces as they come.
  private func fill(_ indexes: Range<Int>, in cache: BlockCache) throws -> [Known] {
    try indexes.map { index in
      let file = known(index, in: cache)
      let body = try #require(cache.body(of: file.inode, size: file.size, class: .chunk))
      #expect(body.fill(0..<file.size, seed: file.inode.rawValue))
      return file
    }
  }

  /// Reads all, twice: each block is right or absent; what was absent is filled and then right. How many were absent.
  @discardableResult
  private func check(_ files: [Known], in cache: BlockCache) throws -> Int {
    var absent = 0
    for file in files {
      // What a reader does: the name, then its bytes. A name that is gone is asked for again and has a new number.
      let inode = cache.file(file.name, size: file.size).0
      let body = try #require(cache.body(of: inode, size: file.size, class: .chunk))
      for lower in stride(from: 0, to: file.size, by: Int(block)) {
        let range = lower..<min(lower + block, file.size)
        if let bytes = body.bytes(range) {
          #expect((bytes == content(inode.rawValue, range)) as Bool, "\(file.name) \(range)")
        } else {
          absent += 1
          // Nothing fits while files may be there that no row tells of.
          let isFilled = body.fill(range, seed: inode.rawValue)
          #expect(isFilled || cache.usage.isSweeping, "\(file.name) \(range)")
          if isFilled { #expect(body.holds(range, seed: inode.rawValue), "\(file.name) \(range)") }
        }
      }
    }
    return absent
  }

  private static func blocks(_ files: [Known]) -> Int {
    files.reduce(0) { $0 + Int(($1.size + block - 1) / block) }
  }

  /// Opens what was left, reads all before and after the sweep, and once more after a clean stop.
  @discardableResult
  private func survives(_ left: CacheFixture, _ files: [Known]) throws -> (absent: Int, failures: Int64) {
    let cache = try left.open()
    let absent = try check(files, in: cache)
    let failures = cache.usage.verifyFailures
    cache.sweep()
    try check(files, in: cache)
    #expect(try check(files, in: cache) == 0)
    #expect(cache.usage.state == .working)
    cache.tick()
    #expect(abs(cache.usage.allocated - left.allocated) < 512 << 10)
    cache.close()
    let again = try left.open()
    #expect(!again.usage.isSweeping)
    #expect(try check(files, in: again) == 0)
    again.close()
    return (absent, failures)
  }

  enum Damage: CaseIterable { case cutShort, cutToNothing, zeroed, oneBlockZeroed, removed, flipped, grown }

  @Test(arguments: Damage.allCases) func damagedBodiesAreFoundAndFetchedAgain(damage: Damage) throws {
    let cache = try fixture.open()
    let files = try fill(0..<8, in: cache)
    cache.tick()
    let left = fixture.copy()
    cache.close()
    var lost = 0
    for file in files where file.size > 5 {
      let path = left.bodyPath(file.inode)
      let blocks = Int((file.size + block - 1) / block)
      let handle = try FileDescriptor.open(path, O_RDWR)
      switch damage {
      case .cutShort: try handle.truncate(to: file.size - 1)
      case .cutToNothing: try handle.truncate(to: 0)
      case .grown: try handle.truncate(to: file.size + 1)
      case .zeroed: overwrite(handle, [UInt8](repeating: 0, count: Int(file.size)), at: 0)
      case .oneBlockZeroed:
        overwrite(handle, [UInt8](repeating: 0, count: Int(min(block, file.size))), at: file.size / block / 2 * block)
      case .removed: unlink(path)
      case .flipped: overwrite(handle, [content(file.inode.rawValue, 9..<10)[0] ^ 4], at: 9)
      }
      lost += [.oneBlockZeroed, .flipped].contains(damage) ? 1 : blocks
    }
    let (absent, failures) = try survives(left, files)
    #expect(absent == lost)
    // A file of another length is given up as a whole; else each block is told by its checksum.
    let isTold = [.zeroed, .oneBlockZeroed, .flipped].contains(damage)
    #expect(failures == (isTold ? Int64(lost) : 0))
  }

  /// A block of the disk that still holds what another file, or an older version, had there.
  @Test func staleBlocksAreFound() throws {
    let cache = try fixture.open()
    let files = try fill(0..<8, in: cache)
    cache.tick()
    let left = fixture.copy()
    cache.close()
    let long = files.filter { $0.size > 60 * block }
    for (file, other) in zip(long, long.reversed()) {
      let handle = try FileDescriptor.open(left.bodyPath(file.inode), O_RDWR)
      for number in stride(from: Int64(0), to: 60, by: 7) {
        overwrite(handle, content(other.inode.rawValue, number * block..<(number + 1) * block), at: number * block)
      }
    }
    let (absent, failures) = try survives(left, files)
    #expect(absent == 2 * 9)
    #expect(failures == 2 * 9)
  }

  /// Bodies and numbers are of now, the index of an earlier time: names have gone, versions were replaced, bodies were
  /// evicted and made again, partly.
  @Test(arguments: 0..<6) func anOlderIndexIsCheckedAgainstTheFiles(moment: Int) throws {
    let cache = try fixture.open()
    var files = try fill(0..<4, in: cache)
    var older: CacheFixture?
    func step(_ number: Int) {
      cache.tick()
      if number == moment { older = fixture.copy() }
    }
    step(0)
    files += try fill(4..<8, in: cache)
    step(1)
    for file in files where file.size > block { cache.evict(file.inode) }
    step(2)
    // Made again, every other block only: the older index says that all is there.
    for file in files where file.size > block {
      let body = try #require(cache.body(of: file.inode, size: file.size, class: .chunk))
      for lower in stride(from: 0, to: file.size, by: Int(2 * block)) {
        #expect(body.fill(lower..<min(lower + block, file.size), seed: file.inode.rawValue))
      }
    }
    step(3)
    // Another version of the first, by another tag: a new number.
    let version = ObjectVersion(tag: EntityTag("\"other\""), size: block, modified: 1)
    let entry = cache.index.record(.file(version), for: files[0].name, in: .root, at: fixture.time.now())
    #expect(entry.inode > files[0].inode)
    #expect(try #require(cache.body(of: entry.inode, size: block, class: .chunk)).fill(0..<block, seed: 1))
    step(4)
    cache.evict(files[0].inode)
    step(5)
    let left = fixture.copy()
    cache.close()
    for name in ["index.sqlite", "index.sqlite-wal", "index.sqlite-shm"] {
      unlink(left.folder + "/" + name)
      _ = system("cp '\(try #require(older).folder)/\(name)' '\(left.folder)/\(name)' 2>/dev/null")
    }
    try survives(left, files)
  }

  /// At every page of the log and between them, after commits that add, change and remove.
  @Test(arguments: [false, true]) func theLogCutAnywhereLosesOnlyTheEnd(afterCheckpoint: Bool) throws {
    let cache = try fixture.open()
    var files: [Known] = []
    for round in 0..<(afterCheckpoint ? 12 : 4) {
      // The small ones.
      files += try fill(8 + round * 4..<12 + round * 4, in: cache)
      cache.tick()
      if round % 3 == 2 { for file in files.suffix(2) { cache.evict(file.inode) } }
      // Frames of the first half are in the database, and in the log too.
      if afterCheckpoint, round == 6 {
        cache.index.state.withLock { try? $0.database?.connection.execute("PRAGMA wal_checkpoint(PASSIVE)") }
      }
    }
    let whole = fixture.copy()
    cache.close()
    let log = try FileDescriptor.open(whole.folder + "/index.sqlite-wal", O_RDONLY).status().st_size
    let frame = 4096 + 24
    let frames = (Int(log) - 32) / frame
    #expect(frames > 20)
    // All of them where time does not matter.
    let stride = getenv("ZARRFS_STRESS") == nil ? max(1, frames / 6) : 1
    for number in Swift.stride(from: 0, through: frames, by: stride) {
      for within in [0, 2000] {
        let left = whole.copy()
        #expect(truncate(left.folder + "/index.sqlite-wal", min(log, 32 + number * frame + within)) == 0)
        unlink(left.folder + "/index.sqlite-shm")
        try survives(left, files)
      }
    }
  }

  enum Loss: CaseIterable { case index, log, shared, lock, numbers, everythingButBodies, bodies }

  @Test(arguments: Loss.allCases) func lostFilesCostOnlyWhatTheyHeld(loss: Loss) throws {
    let cache = try fixture.open()
    let files = try fill(0..<8, in: cache)
    cache.tick()
    let left = fixture.copy()
    cache.close()
    let names: [String] =
      switch loss {
      case .index: ["index.sqlite"]
      case .log: ["index.sqlite-wal"]
      case .shared: ["index.sqlite-shm"]
      case .lock: ["lock"]
      case .numbers: ["numbers"]
      case .everythingButBodies: ["index.sqlite", "index.sqlite-wal", "index.sqlite-shm", "lock", "numbers"]
      case .bodies: ["bodies"]
      }
    for name in names { _ = system("rm -r '\(left.folder)/\(name)'") }
    let again = try left.open()
    // Nothing that has no row takes room for ever, and nothing new is refused for ever.
    again.sweep()
    let absent = try check(files, in: again)
    if [.shared, .lock, .numbers].contains(loss) { #expect(absent == 0) }
    if [.index, .everythingButBodies, .bodies].contains(loss) { #expect(absent == Self.blocks(files)) }
    again.tick()
    #expect(abs(again.usage.allocated - left.allocated) < 512 << 10)
    again.close()
    let last = try left.open()
    defer { last.close() }
    #expect(try check(files, in: last) == 0)
  }

  /// A rollback takes rows back, not files: what it brings back to life is checked before it is believed.
  @Test(arguments: [SQLITE_IOERR | 3 << 8, SQLITE_FULL, SQLITE_CORRUPT]) func aRollbackIsNotBelieved(code: CInt) throws
  {
    let cache = try fixture.open()
    defer { cache.close() }
    let files = try fill(0..<4, in: cache)
    cache.tick()
    for file in files {
      // Somebody cuts the file; it is made again, with less in it; then the rows of before come back.
      let body = try #require(cache.body(of: file.inode, size: file.size, class: .chunk))
      body.closeFile()
      #expect(truncate(fixture.bodyPath(file.inode), 0) == 0)
      #expect(body.bytes(0..<1) == nil)
      #expect(body.fill(0..<min(block, file.size), seed: file.inode.rawValue))
    }
    cache.index.fail(with: SQLiteCode(code))
    try check(files, in: cache)
  }

  /// The row of an evicted body comes back and its file does not; a new one has holes.
  @Test func anEvictionThatCouldNotBeCommittedLeavesNoZeros() throws {
    let cache = try fixture.open()
    defer { cache.close() }
    let files = try fill(0..<4, in: cache)
    cache.tick()
    for file in files where file.size > block {
      var released: [Body] = []
      #expect(cache.table.withLock { $0.leave(file.inode, release: &released) })
      released = []
      _ = cache.index.removeBodies([file.inode])
      unlink(fixture.bodyPath(file.inode))
      cache.table.withLock { $0.left([file.inode]) }
      let made = try cache.folder.makeBody(file.inode, size: file.size)
      overwrite(made, content(file.inode.rawValue, 0..<block), at: 0)
    }
    cache.index.fail(with: SQLiteCode(SQLITE_IOERR))
    try check(files, in: cache)
    #expect(cache.usage.verifyFailures > 0)
  }
}
