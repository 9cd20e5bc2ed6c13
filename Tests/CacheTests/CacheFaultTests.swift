import Foundation
import Glibc
import Objects
import Platform
import TestSupport
import Testing

@testable import Cache

private let block = BlockGeometry.blockSize

/// Promise 8: the cache is advisory. Promise 7: it survives.
@Suite struct CacheFaultTests {
  let fixture = CacheFixture()

  @Test func aKilledCacheKeepsWhatWasCommittedAndItsBound() throws {
    let limit: Int64 = 24 << 20
    let cache = try fixture.open(size: limit)
    var inodes: [InodeNumber] = []
    for number in 0..<30 {
      let (inode, body) = cache.file(EntryName("f\(number)"), size: 1 << 20)
      #expect(try #require(body).fill(0..<(1 << 20), seed: UInt64(number), piece: 1 << 20))
      inodes.append(inode)
      if number == 20 { cache.tick() }
    }
    let killed = fixture.copy()
    cache.close()

    let again = try killed.open(size: limit)
    defer { again.close() }
    #expect(again.usage.isSweeping)
    // Before the sweep as after it: the right bytes or none, and within the bound.
    for round in 0..<2 {
      var hits = 0
      for (number, inode) in inodes.enumerated() {
        guard let body = again.body(of: inode, size: 1 << 20, class: .chunk), let bytes = body.bytes(0..<(1 << 20))
        else { continue }
        hits += 1
        #expect((bytes == content(UInt64(number), 0..<(1 << 20))) as Bool)
      }
      #expect(hits > 0)
      for number in 0..<5 {
        let body = try #require(again.file(EntryName("more\(round)\(number)"), size: 1 << 20).1)
        #expect(body.fill(0..<(1 << 20), seed: 9, piece: 1 << 20))
        #expect(killed.allocated <= limit)
      }
      again.sweep()
    }
    #expect(!again.usage.isSweeping)
    again.tick()
    #expect(abs(again.usage.allocated - killed.allocated) < 256 << 10)
    #expect(again.usage.verifyFailures == 0)
  }

  /// A disk that became read-only: rows that are removed come back with the rollback. Seen to go round for ever.
  @Test func anEvictionThatChangesNothingEnds() throws {
    let cache = try fixture.open()
    for number in 0..<200 {
      let body = try #require(cache.file(EntryName("f\(number)"), size: block).1)
      #expect(body.fill(0..<block, seed: 1))
      body.lose()
    }
    cache.tick()
    try cache.index.state.withLock { try $0.database?.connection.execute("PRAGMA query_only = 1") }
    let tries = Monitor(0)
    cache.setEvictionHook { inodes in tries.withLock { $0 += inodes.count } }
    #expect(cache.evict(bytes: 1 << 20) == 0)
    #expect(tries.withLock { $0 } == 200)
    #expect(cache.index.bodyTotals().count == 200)
    cache.abandon()
  }

  /// Each telling once wrapped the hook anew, until it overflowed the stack.
  @Test func evictionsAreToldOnAFlatStack() throws {
    let cache = try fixture.open()
    defer { cache.close() }
    let depths = Monitor<Set<Int>>([])
    cache.setEvictionHook { _ in
      let depth = Foundation.Thread.callStackReturnAddresses.count
      depths.withLock { _ = $0.insert(depth) }
    }
    for _ in 0..<50 { cache.noteEvicted([], bytes: 0) }
    #expect(depths.withLock { $0.count } == 1)
  }

  @Test func twoKillsBeforeTheSweepAreAsOne() throws {
    let limit: Int64 = 16 << 20
    let cache = try fixture.open(size: limit)
    let body = try #require(cache.file("a", size: 8 << 20).1)
    // Committed while a fill is on its way: its bytes have no rows.
    let fill = try #require(body.beginFill(0..<(6 << 20)))
    #expect(content(1, 0..<(6 << 20)).withUnsafeBytes { fill.append($0) })
    cache.tick()
    let first = fixture.copy()
    fill.finish()
    cache.close()
    let opened = try first.open(size: limit)
    #expect(opened.ledger.withLock { $0.uncertain } >= 6 << 20)
    opened.tick()
    let second = first.copy()
    opened.close()
    let again = try second.open(size: limit)
    #expect(again.ledger.withLock { $0.uncertain } >= 6 << 20)
    again.sweep()
    #expect(again.ledger.withLock { $0.uncertain } == 0)
    #expect(second.allocated < 4 << 20)
    again.close()
    // Closed before its sweep: not a clean stop.
    let last = try first.open(size: limit)
    #expect(last.usage.isSweeping)
    last.close()
  }

  @Test func damageIsFoundAfterAnUncleanStop() throws {
    let cache = try fixture.open()
    let (inode, made) = cache.file("a", size: 4 * block)
    #expect(try #require(made).fill(0..<4 * block, seed: 1))
    cache.tick()
    let killed = fixture.copy()
    cache.close()
    let file = try FileDescriptor.open(killed.bodyPath(inode), O_RDWR)
    overwrite(file, [UInt8(1), 2, 3], at: 2 * block + 5)

    let again = try killed.open()
    let body = try #require(again.body(of: inode, size: 4 * block, class: .chunk))
    #expect(body.holds(0..<2 * block, seed: 1))
    #expect(body.bytes(2 * block..<3 * block) == nil)
    #expect(again.usage.verifyFailures == 1)
    #expect(body.missing(in: 0..<4 * block) == [2 * block..<3 * block])
    #expect(body.fill(2 * block..<3 * block, seed: 1))
    #expect(body.holds(0..<4 * block, seed: 1))
    again.close()
    let third = try killed.open()
    defer { third.close() }
    let last = try #require(third.body(of: inode, size: 4 * block, class: .chunk))
    #expect(last.holds(0..<4 * block, seed: 1))
    #expect(third.usage.verifyFailures == 0)
  }

  @Test func aCutBodyIsAbsentAndNeverZeros() throws {
    let cache = try fixture.open()
    defer { cache.close() }
    let (inode, made) = cache.file("a", size: 4 * block)
    let body = try #require(made)
    #expect(body.fill(0..<4 * block, seed: 1))
    // With the file open.
    #expect(truncate(fixture.bodyPath(inode), off_t(block)) == 0)
    #expect(body.bytes(0..<4 * block) == nil)
    #expect(body.missing(in: 0..<4 * block) == [0..<4 * block])
    #expect(body.fill(block..<2 * block, seed: 1))
    #expect(body.missing(in: 0..<4 * block) == [0..<block, 2 * block..<4 * block])
    #expect(body.holds(block..<2 * block, seed: 1))
    // With the file closed.
    body.closeFile()
    #expect(truncate(fixture.bodyPath(inode), 0) == 0)
    #expect(body.bytes(block..<2 * block) == nil)
    #expect(!body.contains(block..<2 * block))
  }

  @Test func aDeletedBodyIsAbsent() throws {
    let cache = try fixture.open()
    defer { cache.close() }
    let (inode, made) = cache.file("a", size: 2 * block)
    let body = try #require(made)
    #expect(body.fill(0..<block, seed: 1))
    body.closeFile()
    unlink(fixture.bodyPath(inode))
    #expect(body.bytes(0..<block) == nil)
    #expect(cache.usage.bodyBytes == 0)
    #expect(body.fill(block..<2 * block, seed: 1))
    #expect(body.missing(in: 0..<2 * block) == [0..<block])
  }

  @Test func theLogCutShortCostsOnlyWhatItHeld() throws {
    let cache = try fixture.open()
    let (inode, made) = cache.file("a", size: block)
    #expect(try #require(made).fill(0..<block, seed: 1))
    cache.tick()
    for cut in [0, 1, 33, 4000, 9000] as [off_t] {
      let killed = fixture.copy()
      #expect(truncate(killed.folder + "/index.sqlite-wal", cut) == 0)
      unlink(killed.folder + "/index.sqlite-shm")
      let again = try killed.open()
      if let bytes = again.body(of: inode, size: block, class: .chunk)?.bytes(0..<block) {
        #expect((bytes == content(1, 0..<block)) as Bool)
      }
      again.sweep()
      let (next, body) = again.file("b", size: block)
      #expect(next > inode)
      #expect(try #require(body).fill(0..<block, seed: 2))
      again.close()
    }
    cache.close()
  }

  @Test func aLostIndexLeavesNoOrphans() throws {
    var cache = try fixture.open(size: 24 << 20)
    for number in 0..<15 {
      let body = try #require(cache.file(EntryName("f\(number)"), size: 1 << 20).1)
      #expect(body.fill(0..<(1 << 20), seed: 1, piece: 1 << 20))
    }
    cache.close()
    _ = system("echo garbage > '\(fixture.folder)/index.sqlite'")
    _ = system("touch '\(fixture.folder)/bodies/00/stranger'")
    cache = try fixture.open(size: 24 << 20)
    defer { cache.close() }
    let body = try #require(cache.file("new", size: block).1)
    // Nothing fits until it is known what is there.
    #expect(body.beginFill(0..<block) == nil)
    cache.sweep()
    #expect(fixture.allocated < 4 << 20)
    #expect(access(fixture.folder + "/bodies/00/stranger", F_OK) != 0)
    #expect(body.fill(0..<block, seed: 1))
    #expect(access(fixture.folder + "/index.sqlite.damaged-1", F_OK) == 0)
  }

  @Test func anIndexThatBreaksWhileInUseIsReplaced() throws {
    let cache = try fixture.open()
    defer { cache.close() }
    let (inode, made) = cache.file("a", size: 4 * block)
    let body = try #require(made)
    #expect(body.fill(0..<2 * block, seed: 1))
    let other = cache.file("other", size: block)
    #expect(try #require(other.1).fill(0..<block, seed: 1))
    cache.tick()
    for name in ["index.sqlite", "index.sqlite-wal"] {
      let file = try FileDescriptor.open(fixture.folder + "/" + name, O_RDWR)
      let size = try file.status().st_size
      let garbage = [UInt8](repeating: 0x5a, count: Int(size))
      overwrite(file, garbage, at: 0)
    }
    // Its page cache may hide it for a while; a new process would not see it so. Force a look at the file.
    cache.index.state.withLock { try? $0.database?.connection.execute("PRAGMA shrink_memory; PRAGMA cache_size = 1") }
    for number in 0..<50 {
      cache.index.record(.absent, for: EntryName("n\(number)"), in: .root, at: fixture.time.now())
      _ = cache.index.location(of: inode)
      cache.tick()
    }
    // Served on, whatever was lost.
    if let bytes = body.bytes(0..<2 * block) { #expect((bytes == content(1, 0..<2 * block)) as Bool) }
    cache.sweep()
    #expect(body.fill(2 * block..<3 * block, seed: 1))
    #expect(body.holds(2 * block..<3 * block, seed: 1))
    let (next, _) = cache.file("b", size: 1)
    #expect(next > inode)
  }

  @Test func theDirectoryMayBeDeletedUnderneath() throws {
    let cache = try fixture.open()
    defer { cache.close() }
    let (inode, made) = cache.file("a", size: 4 * block)
    let body = try #require(made)
    #expect(body.fill(0..<2 * block, seed: 1))
    _ = system("rm -rf '\(fixture.root)'")
    cache.tick()
    #expect(body.bytes(0..<block) == nil)
    #expect(body.fill(0..<2 * block, seed: 1))
    #expect(body.holds(0..<2 * block, seed: 1))
    let (next, second) = cache.file("b", size: block)
    #expect(next > inode)
    #expect(try #require(second).fill(0..<block, seed: 2))
    cache.tick()
    #expect(cache.usage.state == .working)
    #expect(fixture.allocated >= 3 * block)
    #expect(abs(cache.usage.allocated - fixture.allocated) < 256 << 10)
    #expect(throws: CacheError.heldByProcess(pid: getpid())) { _ = try fixture.open() }
  }

  @Test func repeatedFailuresRestTheCacheAndItComesBackByItself() throws {
    let cache = try fixture.open()
    defer { cache.close() }
    let (inode, made) = cache.file("a", size: block)
    #expect(made != nil)
    let body = try #require(made)
    for _ in 0..<3 { cache.writing.failed("write", .inputOutput) }
    #expect(cache.usage.state == .degraded(reason: "write: Input/output error"))
    #expect(body.beginFill(0..<block) == nil)
    fixture.time.advance(by: .seconds(5))
    #expect(body.fill(0..<block, seed: 1))
    #expect(cache.usage.state == .working)
    cache.writing.failed("write", .inputOutput)
    #expect(cache.usage.state == .working)
    for _ in 0..<3 { cache.reading.failed("read", .inputOutput) }
    #expect(cache.usage.state == .degraded(reason: "read: Input/output error"))
    #expect(cache.body(of: inode, size: block, class: .chunk) == nil)
    fixture.time.advance(by: .seconds(5))
    #expect(try #require(cache.body(of: inode, size: block, class: .chunk)).holds(0..<block, seed: 1))
    #expect(cache.usage.state == .working)
  }

  @Test func aDiskThatTakesNoMoreStillGivesWhatItHas() throws {
    let cache = try fixture.open()
    defer { cache.close() }
    let (inode, made) = cache.file("a", size: 4 * block)
    #expect(try #require(made).fill(0..<2 * block, seed: 1))
    for _ in 0..<3 { cache.writing.failed("write", .noSpace) }
    let body = try #require(cache.body(of: inode, size: 4 * block, class: .chunk))
    #expect(body.holds(0..<2 * block, seed: 1))
    #expect(body.beginFill(2 * block..<3 * block) == nil)
  }

  @Test(.enabled(if: geteuid() == 0, "mounts a tmpfs"))
  func aFullDiskCostsSpeedOnly() throws {
    mkdir(fixture.root, 0o700)
    #expect(mount("tmpfs", fixture.root, "tmpfs", 0, "size=12m,mode=700") == 0)
    defer { umount2(fixture.root, CInt(MNT_DETACH)) }
    let cache = try fixture.open(size: 64 << 20)
    defer { cache.close() }
    var filled = 0
    for number in 0..<40 {
      let (_, made) = cache.file(EntryName("f\(number)"), size: 1 << 20)
      guard let body = made else { continue }
      if body.fill(0..<(1 << 20), seed: UInt64(number)) { filled += 1 }
      if let bytes = body.bytes(0..<(1 << 20)) {
        #expect((bytes == content(UInt64(number), 0..<(1 << 20))) as Bool)
      }
      if number % 7 == 0 { cache.tick() }
    }
    // The eviction on ENOSPC lets most of them in.
    #expect(filled >= 20)
    #expect(cache.usage.evictions > 0)
  }
}
