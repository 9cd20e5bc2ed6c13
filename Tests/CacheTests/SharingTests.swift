import Glibc
import Objects
import Platform
import TestSupport
import Testing

@testable import Cache

/// Objects of the same bytes are one file (docs/decisions/009).
@Suite struct SharingTests {
  private static let size: Int64 = 300_000

  /// A name for `content(seed)`, with that content's MD5 or the one given; nothing is fetched yet.
  private func record(_ name: EntryName, seed: UInt64, tag given: String? = nil, in cache: BlockCache) throws
    -> InodeNumber
  {
    let tag = given ?? md5(content(seed, 0..<Self.size))
    let version = ObjectVersion(tag: EntityTag("\"\(tag)\""), size: Self.size, modified: 0)
    return cache.index.record(.file(version), for: name, in: .root, at: cache.time.now()).inode
  }

  /// A fetched object.
  private func fetched(_ name: EntryName, seed: UInt64, tag: String? = nil, in cache: BlockCache) throws -> InodeNumber
  {
    let inode = try record(name, seed: seed, tag: tag, in: cache)
    let body = try #require(cache.body(of: inode, size: Self.size, class: .chunk))
    #expect(body.fill(0..<Self.size, seed: seed))
    return inode
  }

  private func holds(_ inode: InodeNumber, seed: UInt64, in cache: BlockCache) -> Bool {
    cache.body(of: inode, size: Self.size, class: .chunk)?.holds(0..<Self.size, seed: seed) ?? false
  }

  private func file(_ inode: InodeNumber, _ fixture: CacheFixture) -> stat? {
    var status = stat()
    return lstat(fixture.bodyPath(inode), &status) == 0 ? status : nil
  }

  /// Rows, ledger and disk agree.
  private func expectExact(
    _ cache: BlockCache, _ fixture: CacheFixture, files: [InodeNumber],
    sourceLocation: SourceLocation = #_sourceLocation
  ) {
    var seen: Set<ino_t> = []
    let disk = files.compactMap { file($0, fixture) }.filter { seen.insert($0.st_ino).inserted }
      .reduce(0) { $0 + $1.allocatedBytes }
    #expect(cache.index.bodyTotals().bytes == disk, sourceLocation: sourceLocation)
    #expect(cache.ledger.withLock { $0.bodies } == disk, sourceLocation: sourceLocation)
    #expect(cache.usage.bodyBytes == disk, sourceLocation: sourceLocation)
  }

  @Test func anMD5IsThatOfTheStandard() throws {
    #expect(md5([]) == "d41d8cd98f00b204e9800998ecf8427e")
    #expect(md5(Array("abc".utf8)) == "900150983cd24fb0d6963f7d28e17f72")
    #expect(md5(Array("message digest".utf8)) == "f96b697d7cb7938d525a2f31aaf161d0")
    #expect(EntityTag("\"900150983cd24fb0d6963f7d28e17f72\"").digest?.first == 0x90)
    #expect(EntityTag("\"900150983cd24fb0d6963f7d28e17f72\"").digest?.last == 0x72)
    #expect(EntityTag("\"900150983cd24fb0d6963f7d28e17f72-2\"").digest == nil)
    #expect(EntityTag("W/\"900150983cd24fb0d6963f7d28e17f72\"").digest == nil)
  }

  @Test func theSecondObjectHasTheFirstsFile() throws {
    let fixture = CacheFixture()
    let cache = try fixture.open()
    let first = try fetched("a", seed: 1, in: cache)
    let before = cache.index.bodyTotals().bytes
    let second = try record("b", seed: 1, in: cache)
    #expect(holds(second, seed: 1, in: cache))
    #expect(file(first, fixture)?.st_ino == file(second, fixture)?.st_ino)
    #expect(cache.index.bodyTotals().bytes == before)
    #expect(cache.index.bodyTotals().count == 2)
    #expect(cache.usage.deduplicated == 1)
    #expect(cache.usage.deduplicatedBytes == Self.size)
    #expect(cache.cachedBytes(of: second) == Self.size)
    expectExact(cache, fixture, files: [first, second])
    // A third, which needs no hashing any more.
    let third = try record("c", seed: 1, in: cache)
    #expect(holds(third, seed: 1, in: cache))
    expectExact(cache, fixture, files: [first, second, third])
    cache.close()
  }

  @Test func whatIsNotProvenIsNotShared() throws {
    let fixture = CacheFixture()
    let cache = try fixture.open()
    let lie = String(repeating: "ab", count: 16)
    let first = try fetched("a", seed: 1, tag: lie, in: cache)
    let second = try record("b", seed: 2, tag: lie, in: cache)
    let body = try #require(cache.body(of: second, size: Self.size, class: .chunk))
    #expect(body.missing(in: 0..<Self.size) == [0..<Self.size])
    #expect(body.fill(0..<Self.size, seed: 2))
    #expect(holds(first, seed: 1, in: cache) && holds(second, seed: 2, in: cache))
    #expect(cache.usage.deduplicated == 0)
    expectExact(cache, fixture, files: [first, second])
    cache.close()
  }

  @Test func aRemoteWhoseTagsAreNoMD5IsNotBelievedForEver() throws {
    let fixture = CacheFixture()
    let cache = try fixture.open()
    for number in 0..<4 {
      let lie = String(repeating: "\(number)b", count: 16)
      _ = try fetched(EntryName("a\(number)"), seed: 1, tag: lie, in: cache)
      #expect(cache.mayShare(size: Self.size))
      let other = try record(EntryName("b\(number)"), seed: 1, tag: lie, in: cache)
      #expect(!holds(other, seed: 1, in: cache))
    }
    #expect(!cache.mayShare(size: Self.size))
    cache.close()
  }

  @Test func onlyWholeBodiesAreShared() throws {
    let fixture = CacheFixture()
    let cache = try fixture.open()
    let first = try record("a", seed: 1, in: cache)
    let body = try #require(cache.body(of: first, size: Self.size, class: .chunk))
    body.fill(0..<Self.size / 2, seed: 1)
    let second = try record("b", seed: 1, in: cache)
    #expect(!holds(second, seed: 1, in: cache))
    #expect(cache.usage.deduplicated == 0)
    cache.close()
  }

  @Test func itCanBeSwitchedOff() throws {
    let fixture = CacheFixture()
    var configuration = fixture.configuration()
    configuration.sharesBodies = false
    let cache = try BlockCache(configuration, time: fixture.time, log: .silent)
    _ = try fetched("a", seed: 1, in: cache)
    #expect(!holds(try record("b", seed: 1, in: cache), seed: 1, in: cache))
    cache.close()
  }

  @Test(arguments: [true, false]) func evictingOneLeavesTheOther(firstGoes: Bool) throws {
    let fixture = CacheFixture()
    let cache = try fixture.open()
    let first = try fetched("a", seed: 1, in: cache)
    let second = try record("b", seed: 1, in: cache)
    #expect(holds(second, seed: 1, in: cache))
    let (gone, stays) = firstGoes ? (first, second) : (second, first)
    #expect(cache.evict(gone) == 0, "its bytes are still there")
    #expect(file(gone, fixture) == nil)
    #expect(holds(stays, seed: 1, in: cache))
    expectExact(cache, fixture, files: [stays])
    let allocated = try #require(file(stays, fixture)).allocatedBytes
    #expect(cache.evict(stays) == allocated)
    expectExact(cache, fixture, files: [])
    cache.close()
  }

  @Test func aReaderOfAnEvictedBodyReadsOn() throws {
    let fixture = CacheFixture()
    let cache = try fixture.open()
    let first = try fetched("a", seed: 1, in: cache)
    let second = try record("b", seed: 1, in: cache)
    #expect(holds(second, seed: 1, in: cache))
    do {
      let reader = try #require(cache.body(of: first, size: Self.size, class: .chunk))
      cache.evict(first)
      cache.evict(second)
      #expect(reader.holds(0..<Self.size, seed: 1))
      let held = try #require(file(first, fixture)).allocatedBytes
      #expect(cache.usage.bodyBytes >= held, "its room is taken until it lets go")
    }
    expectExact(cache, fixture, files: [])
    #expect(file(first, fixture) == nil)
    cache.close()
  }

  @Test func nothingIsWrittenIntoASharedFile() throws {
    let fixture = CacheFixture()
    let cache = try fixture.open()
    let first = try fetched("a", seed: 1, in: cache)
    let second = try record("b", seed: 1, in: cache)
    #expect(holds(second, seed: 1, in: cache))
    // A block of the first is lost, and fetched again, wrongly.
    cache.index.settle(0, of: first, bad: 1, isWhole: true)
    let body = try #require(cache.body(of: first, size: Self.size, class: .chunk))
    body.state.withLock { $0.segments = [:] }
    #expect(body.missing(in: 0..<Self.size) == [0..<BlockGeometry.blockSize])
    #expect(body.fill(0..<BlockGeometry.blockSize, seed: 9))
    #expect(holds(second, seed: 1, in: cache))
    #expect(file(first, fixture)?.st_ino != file(second, fixture)?.st_ino)
    expectExact(cache, fixture, files: [first, second])
    cache.close()
  }

  @Test func theBoundHoldsAndRoomIsFound() throws {
    let fixture = CacheFixture()
    let cache = try fixture.open(size: 16 << 20)
    var inodes: [InodeNumber] = []
    for round in 0..<12 {
      let seed = UInt64(round + 1)
      inodes.append(try fetched(EntryName("a\(round)"), seed: seed, in: cache))
      for copy in 0..<8 {
        let inode = try record(EntryName("b\(round)-\(copy)"), seed: seed, in: cache)
        #expect(holds(inode, seed: seed, in: cache))
        inodes.append(inode)
      }
    }
    let (large, body) = cache.file("large", size: 9 << 20)
    #expect(try #require(body).fill(0..<9 << 20, seed: 77))
    #expect(fixture.allocated <= 16 << 20)
    expectExact(cache, fixture, files: inodes + [large])
    // Nothing fits beside it but by evicting what is shared: all of a file's names have to go.
    let (other, next) = cache.file("other", size: 3 << 20)
    #expect(try #require(next).fill(0..<3 << 20, seed: 78))
    expectExact(cache, fixture, files: inodes + [large, other])
    #expect(fixture.allocated <= 16 << 20)
    cache.close()
  }

  @Test func aRemountCountsTheSame() throws {
    let fixture = CacheFixture()
    var cache = try fixture.open()
    let first = try fetched("a", seed: 1, in: cache)
    let second = try record("b", seed: 1, in: cache)
    #expect(holds(second, seed: 1, in: cache))
    cache.close()
    cache = try fixture.open()
    expectExact(cache, fixture, files: [first, second])
    cache.evict(first)
    #expect(holds(second, seed: 1, in: cache))
    expectExact(cache, fixture, files: [second])
    cache.close()
  }

  /// Killed after the link, before its row was committed; and after.
  @Test(arguments: [true, false]) func aCrashLeavesNothingUncounted(isCommitted: Bool) throws {
    let fixture = CacheFixture()
    let cache = try fixture.open()
    let first = try fetched("a", seed: 1, in: cache)
    let second = try record("b", seed: 1, in: cache)
    cache.index.commit()
    #expect(holds(second, seed: 1, in: cache))
    if isCommitted { cache.index.commit() }
    let copy = fixture.copy()
    cache.close()
    let after = try copy.open()
    after.sweep()
    #expect((file(second, copy) != nil) == isCommitted)
    expectExact(after, copy, files: [first, second])
    #expect(holds(first, seed: 1, in: after))
    #expect(holds(second, seed: 1, in: after), "found again, or linked again")
    after.evict(first)
    #expect(holds(second, seed: 1, in: after))
    expectExact(after, copy, files: [second])
    after.close()
  }

  /// Power loss: the row came to the disk and the file did not.
  @Test(arguments: [true, false]) func aMissingFileOfAGroup(firstIsMissing: Bool) throws {
    let fixture = CacheFixture()
    let cache = try fixture.open()
    let first = try fetched("a", seed: 1, in: cache)
    let second = try record("b", seed: 1, in: cache)
    #expect(holds(second, seed: 1, in: cache))
    cache.index.commit()
    let copy = fixture.copy()
    cache.close()
    let (missing, there) = firstIsMissing ? (first, second) : (second, first)
    unlink(copy.bodyPath(missing))
    let after = try copy.open()
    after.sweep()
    #expect(after.index.body(of: missing) == nil)
    expectExact(after, copy, files: [there])
    #expect(holds(there, seed: 1, in: after))
    after.close()
  }

  @Test func aLostIndexCountsAFileOnce() throws {
    let fixture = CacheFixture()
    let cache = try fixture.open()
    let first = try fetched("a", seed: 1, in: cache)
    let second = try record("b", seed: 1, in: cache)
    let bodies = [first, second].compactMap { cache.body(of: $0, size: Self.size, class: .chunk) }
    #expect(bodies.count == 2)
    cache.index.beginAnew()
    cache.sweep()
    expectExact(cache, fixture, files: [first, second])
    withExtendedLifetime(bodies) {}
    cache.close()
  }

  @Test func verifyAndInfoCountAFileOnce() throws {
    let fixture = CacheFixture()
    let cache = try fixture.open()
    _ = try fetched("a", seed: 1, in: cache)
    #expect(holds(try record("b", seed: 1, in: cache), seed: 1, in: cache))
    let bytes = cache.index.bodyTotals().bytes
    cache.close()
    let result = try CacheInspection.verify(directory: fixture.root, source: CacheFixture.source, log: .silent)
    #expect(result.bodies == 2 && result.damaged == 0)
    let info = try #require(CacheInspection.info(directory: fixture.root).first)
    #expect(info.bodyBytes == bytes && info.bodies == 2)
    // With the index; not the body twice.
    #expect(info.allocated < 2 * bytes)
    #expect(try CacheInspection.clear(directory: fixture.root) < 2 * bytes)
    #expect(CacheInspection.allocated(fixture.folder + "/bodies") == 0)
  }

  @Test func whatIsCachedBelowCountsBoth() throws {
    let fixture = CacheFixture()
    let cache = try fixture.open()
    _ = try fetched("a", seed: 1, in: cache)
    #expect(holds(try record("b", seed: 1, in: cache), seed: 1, in: cache))
    let bytes = cache.index.bodyTotals().bytes
    #expect(cache.cached(below: .root) == BlockCache.Below(chunks: 2, allocated: bytes))
    #expect(cache.evict(below: .root) == bytes)
    #expect(cache.cached(below: .root) == BlockCache.Below())
    cache.close()
  }

  /// Readers of new twins at once, and an eviction of the first: whatever happens, right bytes or none.
  @Test func manyAtOnce() throws {
    let fixture = CacheFixture()
    let cache = try fixture.open()
    let first = try fetched("a", seed: 1, in: cache)
    let names = try (0..<8).map { try record(EntryName("b\($0)"), seed: 1, in: cache) }
    let wrong = Monitor(0)
    let threads = try (0..<4).map { worker in
      try Thread.start("twin\(worker)") {
        for name in names {
          let body = cache.body(of: name, size: Self.size, class: .chunk)
          guard let bytes = body?.bytes(0..<Self.size) else { continue }
          if bytes != content(1, 0..<Self.size) { wrong.withLock { $0 += 1 } }
        }
        if worker == 0 { cache.evict(first) }
      }
    }
    for thread in threads { thread.join() }
    #expect(wrong.withLock { $0 } == 0)
    expectExact(cache, fixture, files: [first] + names)
    cache.close()
  }
}
