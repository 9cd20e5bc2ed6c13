import Glibc
import Objects
import Platform
import TestSupport
import Testing

@testable import Cache

private let block = BlockGeometry.blockSize

@Suite struct BlockCacheTests {
  let fixture = CacheFixture()

  @Test func whatWasFilledIsRead() throws {
    let cache = try fixture.open()
    defer { cache.close() }
    let size = 5 * block + 1000
    let (inode, made) = cache.file("a", size: size)
    let body = try #require(made)
    #expect(body.bytes(0..<1) == nil)
    #expect(!body.contains(0..<1))
    #expect(body.missing(in: 10..<block + 1) == [0..<2 * block])
    #expect(body.fill(block..<3 * block, seed: 1))
    #expect(body.holds(block..<3 * block, seed: 1))
    #expect(body.holds(block + 7..<2 * block + 9, seed: 1))
    #expect(body.bytes(block - 1..<2 * block) == nil)
    #expect(body.missing(in: 0..<size) == [0..<block, 3 * block..<size])
    #expect(body.fill(5 * block..<size, seed: 1))
    #expect(body.holds(5 * block + 3..<size, seed: 1))
    #expect(body.missing(in: 0..<size) == [0..<block, 3 * block..<5 * block])
    #expect(cache.cachedBytes(of: inode) == 2 * block + 1000)
    #expect(body.bytes(0..<0) == [])
    #expect(body.bytes(0..<size + 1) == nil)
  }

  /// Where the disk has no page cache to be dropped from (tmpfs), all is there before.
  @Test func whatIsAboutToBeReadComesIntoThePageCache() throws {
    let cache = try fixture.open()
    defer { cache.close() }
    let size = 4 * block
    let (inode, made) = cache.file("a", size: size)
    #expect(try #require(made).fill(0..<size, seed: 1))
    let file = try cache.folder.openBody(inode)
    #expect(fsync(file.descriptor.rawValue) == 0)
    #expect(posix_fadvise(file.descriptor.rawValue, 0, 0, POSIX_FADV_DONTNEED) == 0)
    cache.willRead(inode, size: size)
    poll("the pages of the body") { file.pagesInMemory == Int(size) / Int(getpagesize()) }
  }

  /// Nothing is read, made or counted for an object that is not, or not wholly, there.
  @Test func whatIsNotThereIsNotReadAhead() throws {
    let cache = try fixture.open()
    defer { cache.close() }
    cache.willRead(InodeNumber(77), size: block)
    let (inode, made) = cache.file("a", size: 2 * block)
    #expect(try #require(made).fill(0..<block, seed: 1))
    cache.willRead(inode, size: 2 * block)
    cache.willRead(inode, size: 3 * block)
    #expect(cache.usage.bodies == 1)
    #expect(cache.cachedBytes(of: inode) == block)
  }

  @Test func aPartialTailIsDroppedUnlessItEndsTheObject() throws {
    let cache = try fixture.open()
    defer { cache.close() }
    let (_, made) = cache.file("a", size: 3 * block)
    let body = try #require(made)
    let fill = try #require(body.beginFill(1..<3 * block))
    #expect(fill.range == 0..<3 * block)
    #expect(content(1, 0..<block + 500).withUnsafeBytes { fill.append($0) })
    var buffer = [UInt8](repeating: 0, count: 600)
    #expect(buffer.withUnsafeMutableBytes { fill.read(block - 100..<block + 500, into: $0) })
    #expect(buffer == content(1, block - 100..<block + 500))
    #expect(!buffer.withUnsafeMutableBytes { fill.read(block - 99..<block + 501, into: $0) })
    fill.finish()
    #expect(body.missing(in: 0..<3 * block) == [block..<3 * block])
    #expect(body.holds(0..<block, seed: 1))
  }

  @Test func aFillReadsAcrossWhatIsPresentAndWhatIsNew() throws {
    let cache = try fixture.open()
    defer { cache.close() }
    let body = try #require(cache.file("a", size: 3 * block).1)
    #expect(body.fill(0..<block, seed: 1))
    #expect(body.fill(2 * block..<3 * block, seed: 1))
    let fill = try #require(body.beginFill(block..<2 * block))
    #expect(content(1, block..<2 * block).withUnsafeBytes { fill.append($0) })
    var buffer = [UInt8](repeating: 0, count: Int(3 * block))
    #expect(buffer.withUnsafeMutableBytes { fill.read(0..<3 * block, into: $0) })
    #expect((buffer == content(1, 0..<3 * block)) as Bool)
    #expect(!content(1, 0..<1).withUnsafeBytes { fill.append($0) })
  }

  @Test func anUnfinishedFillGivesItsRoomBack() throws {
    let cache = try fixture.open()
    defer { cache.close() }
    let body = try #require(cache.file("a", size: 100 * block).1)
    do {
      let fill = try #require(body.beginFill(0..<100 * block))
      #expect(content(1, 0..<10).withUnsafeBytes { fill.append($0) })
      #expect(cache.ledger.withLock { $0.reserved } > 100 * block)
    }
    #expect(cache.ledger.withLock { $0.reserved } == 0)
    #expect(body.missing(in: 0..<1) == [0..<block])
  }

  @Test func aBodyIsSharedAndSurvivesAReopening() throws {
    var cache = try fixture.open()
    let (inode, made) = cache.file("a", size: 70 * block)
    let body = try #require(made)
    #expect(body.fill(0..<70 * block, seed: 3))
    #expect(cache.body(of: inode, size: 70 * block, class: .chunk) === body)
    let bytes = cache.usage.bodyBytes
    #expect(bytes >= 70 * block)
    cache.close()
    #expect(body.holds(0..<block, seed: 3))
    #expect(cache.body(of: inode, size: 70 * block, class: .chunk) == nil)

    cache = try fixture.open()
    defer { cache.close() }
    #expect(cache.usage.bodyBytes == bytes)
    #expect(cache.usage.bodies == 1)
    #expect(!cache.usage.isSweeping)
    let entry = try #require(cache.index.entry("a", in: .root))
    #expect(entry.inode == inode)
    let again = try #require(cache.body(of: inode, size: 70 * block, class: .chunk))
    #expect(again.holds(0..<70 * block, seed: 3))
    #expect(cache.usage.verifyFailures == 0)
  }

  @Test func aSecondCacheIsRefusedWithThePidOfTheFirst() throws {
    let cache = try fixture.open()
    #expect(throws: CacheError.heldByProcess(pid: getpid())) { _ = try fixture.open() }
    cache.close()
    try fixture.open().close()
  }

  @Test func theBoundHoldsWhateverIsFilled() throws {
    let limit: Int64 = 24 << 20
    let cache = try fixture.open(size: limit)
    defer { cache.close() }
    var generator = SeededGenerator(seed: 115)
    var largest: Int64 = 0
    for number in 0..<300 {
      let size = Int64.random(in: 1...(1 << 20), using: &generator)
      let (_, made) = cache.file(EntryName("f\(number)"), size: size)
      guard let body = made else { continue }
      let lower = Int64.random(in: 0..<size, using: &generator)
      #expect(body.fill(lower..<size, seed: UInt64(number), piece: 1 << 20))
      #expect(body.bytes(lower..<size) != nil)
      if number % 10 == 0 { cache.tick() }
      if number % 5 == 0 { largest = max(largest, fixture.allocated) }
    }
    #expect(largest <= limit)
    #expect(largest > limit / 2)
    #expect(cache.usage.evictions > 0)
    cache.tick()
    #expect(cache.usage.allocated <= limit)
    #expect(abs(cache.usage.allocated - fixture.allocated) < 256 << 10)
  }

  @Test func descriptorsAreBounded() throws {
    let cache = try fixture.open(size: 256 << 20)
    defer { cache.close() }
    var bodies: [Body] = []
    for number in 0..<400 {
      let body = try #require(cache.file(EntryName("f\(number)"), size: 100).1)
      #expect(body.fill(0..<100, seed: UInt64(number)))
      bodies.append(body)
    }
    #expect(bodies.count { $0.state.withLock { $0.file != nil } } <= BodyTable.recentLimit)
    for (number, body) in bodies.enumerated() { #expect(body.holds(0..<100, seed: UInt64(number))) }
    #expect(bodies.count { $0.state.withLock { $0.file != nil } } <= BodyTable.recentLimit)
  }

  @Test func aScanDoesNotFlushWhatIsReadAgain() throws {
    let cache = try fixture.open(size: 24 << 20)
    defer { cache.close() }
    let size: Int64 = 1 << 20
    let hot = (0..<4).map { cache.file(EntryName("hot\($0)"), size: size).0 }
    for inode in hot {
      #expect(try #require(cache.body(of: inode, size: size, class: .chunk)).fill(0..<size, seed: 1, piece: size))
    }
    for _ in 0..<2 {
      fixture.time.advance(by: .seconds(60))
      for inode in hot { cache.body(of: inode, size: size, class: .chunk)?.touch() }
      cache.tick()
    }
    for number in 0..<60 {
      fixture.time.advance(by: .milliseconds(100))
      let body = try #require(cache.file(EntryName("scan\(number)"), size: size).1)
      #expect(body.fill(0..<size, seed: 2, piece: size))
      body.touch()
    }
    for inode in hot { #expect(cache.cachedBytes(of: inode) == size) }
    #expect(cache.usage.evictions >= 40)
  }

  @Test func classesLeaveInTheirOrder() throws {
    let cache = try fixture.open(size: 24 << 20)
    defer { cache.close() }
    let size: Int64 = 1 << 20
    var inodes: [StorageClass: InodeNumber] = [:]
    for storageClass in [StorageClass.metadata, .coordinate, .chunk, .prefetched] {
      let (inode, body) = cache.file(EntryName("\(storageClass)"), size: size, class: storageClass)
      #expect(try #require(body).fill(0..<size, seed: 1, piece: size))
      fixture.time.advance(by: .seconds(1))
      inodes[storageClass] = inode
    }
    func kept(_ storageClass: StorageClass) -> Bool { cache.cachedBytes(of: inodes[storageClass]!) > 0 }
    for victim in [StorageClass.prefetched, .chunk, .coordinate, .metadata] {
      #expect(kept(victim))
      #expect(cache.evict(bytes: 1) > 0)
      #expect(!kept(victim))
    }
  }

  @Test func aBodyReadOnDemandIsNoLongerPrefetched() throws {
    let cache = try fixture.open()
    defer { cache.close() }
    let (inode, made) = cache.file("a", size: block, class: .prefetched)
    #expect(try #require(made).fill(0..<block, seed: 1))
    #expect(cache.index.body(of: inode)?.storageClass == .prefetched)
    _ = cache.body(of: inode, size: block, class: .chunk)
    #expect(cache.index.body(of: inode)?.storageClass == .chunk)
    _ = cache.body(of: inode, size: block, class: .prefetched)
    #expect(cache.index.body(of: inode)?.storageClass == .chunk)
    cache.setClass(.prefetched, of: inode)
    #expect(cache.index.body(of: inode)?.storageClass == .prefetched)
  }

  @Test func aBodyInUseIsUnlinkedWhenItsLastReaderLetsGo() throws {
    let cache = try fixture.open()
    defer { cache.close() }
    let size = 4 * block
    let inode = cache.file("a", size: size).0
    var body = cache.body(of: inode, size: size, class: .chunk)
    #expect(body!.fill(0..<size, seed: 1))
    // The search for room passes it over.
    #expect(cache.evict(bytes: 1) == 0)
    cache.evict(inode)
    #expect(cache.usage.bodyBytes >= size)
    #expect(cache.body(of: inode, size: size, class: .chunk) == nil)
    #expect(body!.holds(0..<size, seed: 1))
    #expect(body!.beginFill(0..<size) == nil)
    #expect(access(fixture.bodyPath(inode), F_OK) == 0)
    body = nil
    #expect(access(fixture.bodyPath(inode), F_OK) != 0)
    #expect(cache.usage.bodyBytes == 0)
    // It can be had again.
    let again = try #require(cache.body(of: inode, size: size, class: .chunk))
    #expect(again.bytes(0..<1) == nil)
    #expect(again.fill(0..<size, seed: 1))
  }

  @Test func whatIsUnusedForTooLongGoes() throws {
    let cache = try fixture.open(age: .seconds(100))
    defer { cache.close() }
    let (old, first) = cache.file("old", size: block)
    #expect(try #require(first).fill(0..<block, seed: 1))
    fixture.time.advance(by: .seconds(60))
    let (new, second) = cache.file("new", size: block)
    #expect(try #require(second).fill(0..<block, seed: 1))
    fixture.time.advance(by: .seconds(60))
    withExtendedLifetime((first, second)) { cache.tick() }
    #expect(cache.cachedBytes(of: old) == block)
    let (oldest, third) = cache.file("third", size: block)
    #expect(try #require(third).fill(0..<block, seed: 1))
    _ = oldest
    #expect(cache.cachedBytes(of: new) == block)
  }

  @Test func agedBodiesThatNobodyHoldsAreRemoved() throws {
    let cache = try fixture.open(age: .seconds(100))
    defer { cache.close() }
    let old = cache.file("old", size: block).0
    #expect(try #require(cache.body(of: old, size: block, class: .chunk)).fill(0..<block, seed: 1))
    fixture.time.advance(by: .seconds(60))
    let new = cache.file("new", size: block).0
    #expect(try #require(cache.body(of: new, size: block, class: .chunk)).fill(0..<block, seed: 1))
    fixture.time.advance(by: .seconds(60))
    cache.tick()
    #expect(cache.cachedBytes(of: old) == 0)
    #expect(cache.cachedBytes(of: new) == block)
    #expect(access(fixture.bodyPath(old), F_OK) != 0)
  }

  @Test func tooMuchForTheCacheGoesThroughMemory() throws {
    let cache = try fixture.open(size: 16 << 20)
    defer { cache.close() }
    let body = try #require(cache.file("a", size: 1 << 40).1)
    #expect(body.beginFill(0..<(15 << 20)) == nil)
    #expect(body.fill(1 << 39..<(1 << 39) + block, seed: 1))
    #expect(body.holds(1 << 39..<(1 << 39) + block, seed: 1))
  }

  @Test func theFloorOfFreeSpaceIsKept() throws {
    let cache = try fixture.open(minimumFree: 1 << 60)
    defer { cache.close() }
    let body = try #require(cache.file("a", size: block).1)
    #expect(body.beginFill(0..<block) == nil)
    #expect(cache.ledger.withLock { $0.reserved } == 0)
  }

  @Test func theBoundHoldsWithManyThreads() throws {
    let limit: Int64 = 24 << 20
    let cache = try BlockCache.open(fixture.configuration(size: limit), time: fixture.time, log: .silent)
    defer { cache.close() }
    let wrong = Monitor(0)
    for round in 0..<4 {
      let threads = try (0..<4).map { thread in
        try Thread.start("fill") {
          for number in 0..<12 {
            let (_, body) = cache.file(EntryName("\(round).\(thread).\(number)"), size: 700_000)
            // Not every fill finds room: others hold theirs.
            guard let body, body.fill(0..<700_000, seed: UInt64(number), piece: 700_000) else { continue }
            if !body.holds(0..<700_000, seed: UInt64(number)) { wrong.withLock { $0 += 1 } }
          }
        }
      }
      for thread in threads { thread.join() }
      #expect(fixture.allocated <= limit)
    }
    #expect(wrong.withLock { $0 } == 0)
    #expect(cache.usage.evictions > 0)
  }

  @Test func aPartFitsTheSmallestCache() throws {
    let cache = try fixture.open(size: CacheConfiguration.minimumSize)
    defer { cache.close() }
    let body = try #require(cache.file("a", size: 100 << 20).1)
    #expect(body.fill(0..<(8 << 20), seed: 1, piece: 1 << 20))
    #expect(body.holds(0..<(8 << 20), seed: 1))
    #expect(fixture.allocated <= CacheConfiguration.minimumSize)
  }

  @Test func manyThreadsFillAndReadOneBody() throws {
    let cache = try BlockCache.open(fixture.configuration(), time: fixture.time, log: .silent)
    defer { cache.close() }
    let count: Int64 = 64
    let body = try #require(cache.file("a", size: count * block).1)
    let failures = Monitor(0)
    var threads: [Thread] = []
    for thread in 0..<4 as Range<Int64> {
      threads.append(
        try Thread.start("fill") {
          for number in 0..<count {
            let range = number * block..<(number + 1) * block
            if number % 4 == thread, !body.fill(range, seed: 5) { failures.withLock { $0 += 1 } }
            if let bytes = body.bytes(range), bytes != content(5, range) { failures.withLock { $0 += 1 } }
            body.touch()
          }
        })
    }
    for thread in threads { thread.join() }
    #expect(failures.withLock { $0 } == 0)
    #expect(body.missing(in: 0..<count * block).isEmpty)
    #expect(body.holds(0..<count * block, seed: 5))
  }
}

extension OpenFile {
  fileprivate var pagesInMemory: Int {
    guard let size = try? Int(descriptor.status().st_size),
      let mapped = mmap(nil, size, PROT_READ, MAP_SHARED, descriptor.rawValue, 0), mapped != MAP_FAILED
    else { return 0 }
    defer { munmap(mapped, size) }
    var pages = [UInt8](repeating: 0, count: size / Int(getpagesize()))
    return mincore(mapped, size, &pages) == 0 ? pages.count { $0 & 1 == 1 } : 0
  }
}
