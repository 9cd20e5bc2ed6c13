import Glibc
import Objects
import Platform
import TestSupport
import Testing

@testable import Cache

private let block = BlockGeometry.blockSize

/// Eviction that leaves a shard its index (docs/decisions/007).
@Suite struct TrimTests: TrimTesting {
  let fixture = CacheFixture()

  @Test(arguments: [Self.end, 0..<2 * block, 63 * block..<65 * block, 5 * block..<6 * block])
  func whatIsKeptStaysAndNothingElse(kept: ByteRange) throws {
    var cache = try fixture.open()
    let told = Monitor<[InodeNumber]>([])
    cache.setEvictionHook { inodes in told.withLock { $0 += inodes } }
    let inode = try shard("a", keeping: kept, in: cache)
    let before = try #require(status(inode)).allocatedBytes
    let freed = cache.evict(bytes: 1)
    let after = try #require(status(inode))
    #expect(freed == before - after.allocatedBytes)
    #expect(after.allocatedBytes < before / 10 && after.st_size == Self.size)
    #expect(after.allocatedBytes >= Int64(kept.count))
    #expect(told.withLock { $0 } == [inode])
    #expect(cache.usage.evictions == 1 && cache.usage.evictedBytes == freed)
    #expect(cache.index.body(of: inode)?.storageClass == .metadata)
    expectExact(cache, [inode])
    try expectKept(inode, kept, in: cache)
    cache.close()

    cache = try fixture.open()
    defer { cache.close() }
    #expect(!cache.usage.isSweeping)
    expectExact(cache, [inode])
    try expectKept(inode, kept, in: cache)
  }

  @Test func theRangeIsOfWholeBlocksAndMayComeBeforeTheRow() throws {
    let cache = try fixture.open()
    defer { cache.close() }
    let (inode, made) = cache.file("a", size: Self.size)
    let body = try #require(made)
    let fill = try #require(body.beginFill(0..<Self.size))
    #expect(content(inode.rawValue, 0..<Self.size).withUnsafeBytes { fill.append($0) })
    body.keep(Self.size - 20..<Self.size - 1)
    #expect(cache.index.body(of: inode) == nil)
    fill.finish()
    #expect(cache.index.body(of: inode)?.kept == 140 * block..<Self.size)
    // Told again, otherwise.
    body.keep(Self.end)
    #expect(cache.index.body(of: inode)?.kept == Self.end)
  }

  @Test func blocksThatCameBackMakeItAChunkAgain() throws {
    let cache = try fixture.open()
    defer { cache.close() }
    let inode = try shard("a", in: cache)
    for round in 0..<2 {
      #expect(cache.evict(bytes: 1) > 0)
      #expect(cache.index.body(of: inode)?.storageClass == .metadata)
      // Being opened, touched and looked at changes nothing.
      let body = try body(inode, in: cache)
      body.touch()
      fixture.time.advance(by: .seconds(60))
      cache.tick()
      #expect(cache.index.body(of: inode)?.storageClass == .metadata)
      // Nor do the kept blocks.
      #expect(body.fill(Self.end, seed: inode.rawValue))
      #expect(cache.index.body(of: inode)?.storageClass == .metadata)
      #expect(body.fill(7 * block..<9 * block, seed: inode.rawValue))
      let row = try #require(cache.index.body(of: inode))
      #expect(row.storageClass == .chunk && row.hits < 2, "round \(round)")
      #expect(body.holds(7 * block..<9 * block, seed: inode.rawValue) && body.holds(Self.end, seed: inode.rawValue))
      expectExact(cache, [inode])
    }
    #expect(cache.usage.evictions == 2)
  }

  @Test func whatIsFetchedAheadIntoItIsOfItsClass() throws {
    let cache = try fixture.open()
    defer { cache.close() }
    let inode = try shard("a", class: .prefetched, in: cache)
    #expect(cache.evict(bytes: 1) > 0)
    let ahead = try #require(cache.body(of: inode, size: Self.size, class: .prefetched))
    #expect(ahead.fill(0..<block, seed: inode.rawValue))
    #expect(cache.index.body(of: inode)?.storageClass == .prefetched)
    let read = try body(inode, in: cache)
    #expect(read === ahead && cache.index.body(of: inode)?.storageClass == .chunk)
  }

  /// The end of a block that did not come whole takes room too.
  @Test func aPartOfABlockCountsAsChunk() throws {
    let cache = try fixture.open()
    defer { cache.close() }
    let inode = try shard("a", in: cache)
    #expect(cache.evict(bytes: 1) > 0)
    do {
      let body = try body(inode, in: cache)
      let fill = try #require(body.beginFill(3 * block..<4 * block))
      #expect(content(1, 0..<9000).withUnsafeBytes { fill.append($0) })
      fill.finish()
    }
    #expect(cache.index.body(of: inode)?.storageClass == .chunk)
    expectExact(cache, [inode])
    #expect(cache.evict(bytes: 1) > 0)
    #expect(cache.index.body(of: inode)?.storageClass == .metadata)
    expectExact(cache, [inode])
    try expectKept(inode, Self.end, in: cache)
  }

  @Test func theSecondTimeItGoesWholeAndLast() throws {
    let cache = try fixture.open()
    defer { cache.close() }
    let inode = try shard("a", in: cache)
    #expect(cache.evict(bytes: 1) > 0)
    fixture.time.advance(by: .seconds(1))
    let plain = cache.file("plain", size: block).0
    #expect(try body(plain, size: block, in: cache).fill(0..<block, seed: 1))
    #expect(cache.evict(bytes: 1) > 0)
    #expect(status(plain) == nil && status(inode) != nil, "the chunk first, though younger")
    #expect(cache.evict(bytes: 1) > 0)
    #expect(status(inode) == nil && cache.index.body(of: inode) == nil)
    expectExact(cache, [inode])
    #expect(cache.usage.evictions == 3)
  }

  @Test func allOfItCanBeHadInOneGo() throws {
    let cache = try fixture.open()
    defer { cache.close() }
    let inodes = try (0..<3).map { try shard(EntryName("\($0)"), in: cache) }
    #expect(cache.evict(bytes: 1 << 30) > 0)
    #expect(inodes.allSatisfy { status($0) == nil })
    #expect(cache.usage.bodyBytes == 0)
  }

  @Test func whatIsUsedIsPassedOver() throws {
    let cache = try fixture.open()
    defer { cache.close() }
    let inode = try shard("a", in: cache)
    let reader = try body(inode, in: cache)
    #expect(cache.evict(bytes: 1) == 0)
    #expect(reader.holds(0..<Self.size, seed: inode.rawValue))
  }

  @Test func otherEvictionsTakeTheWhole() throws {
    var cache = try fixture.open(age: .seconds(100))
    let asked = try shard("a", in: cache)
    #expect(cache.evict(asked) > 0)
    #expect(status(asked) == nil)
    let resized = try shard("b", in: cache)
    cache.close()
    cache = try fixture.open(age: .seconds(100))
    defer { cache.close() }
    #expect(cache.body(of: resized, size: 5, class: .chunk) == nil)
    #expect(status(resized) == nil)
    let trimmed = try shard("c", in: cache)
    #expect(cache.evict(bytes: 1) > 0)
    #expect(cache.cached(below: .root).chunks == 1)
    #expect(cache.evict(below: .root) > 0)
    #expect(status(trimmed) == nil)
    let aged = try shard("d", in: cache)
    fixture.time.advance(by: .seconds(101))
    cache.tick()
    #expect(status(aged) == nil)
    expectExact(cache, [asked, resized, trimmed, aged])
  }

  @Test func whereWhatIsKeptIsMissingItGoesWhole() throws {
    let cache = try fixture.open()
    defer { cache.close() }
    // The last block is not there.
    let inode = try shard("a", fill: 0..<140 * block, in: cache)
    #expect(cache.evict(bytes: 1) > 0)
    #expect(status(inode) == nil)
    // Nothing else is.
    let small = try shard("b", fill: Self.end, in: cache)
    #expect(cache.evict(bytes: 1) > 0)
    #expect(status(small) == nil)
    #expect(cache.usage.bodyBytes == 0 && cache.usage.evictions == 2)
  }

  enum Refusal: CaseIterable { case anotherName, anotherLength, missing, alreadyHoles }

  @Test(arguments: Refusal.allCases) func whereNoHoleCanBeMadeItGoesWhole(refusal: Refusal) throws {
    let cache = try fixture.open()
    defer { cache.close() }
    let inode = try shard("a", in: cache)
    let path = fixture.bodyPath(inode)
    let other = fixture.directory.path + "/other"
    switch refusal {
    case .anotherName: #expect(link(path, other) == 0)
    case .anotherLength: #expect(truncate(path, off_t(Self.size + 1)) == 0)
    case .missing: unlink(path)
    case .alreadyHoles:
      let file = try FileDescriptor.open(path, O_RDWR)
      try file.punchHole(0..<Self.end.lowerBound)
    }
    #expect(cache.evict(bytes: 1) >= 100 * block)
    #expect(status(inode) == nil && cache.index.body(of: inode) == nil)
    #expect(cache.usage.bodyBytes == 0 && cache.usage.evictions == 1)
    // Fetched again, it is what it was.
    #expect(try body(inode, in: cache).fill(0..<Self.size, seed: 3))
    if refusal == .anotherName {
      let file = try FileDescriptor.open(other, O_RDONLY)
      var bytes = [UInt8](repeating: 0, count: 3000)
      #expect(try bytes.withUnsafeMutableBytes { try file.read(into: $0, at: 0) } == 3000)
      #expect(bytes == content(inode.rawValue, 0..<3000))
    }
  }

  @Test func aBodyOfAGroupGoesWhole() throws {
    let cache = try fixture.open()
    defer { cache.close() }
    let size: Int64 = 40 * block
    let version = ObjectVersion(tag: EntityTag("\"\(md5(content(1, 0..<size)))\""), size: size, modified: 0)
    let inodes = (0..<2).map {
      cache.index.record(.file(version), for: EntryName("\($0)"), in: .root, at: fixture.time.now()).inode
    }
    #expect(try body(inodes[0], size: size, in: cache).fill(0..<size, seed: 1))
    for inode in inodes {
      let body = try body(inode, size: size, in: cache)
      #expect(body.holds(0..<size, seed: 1))
      body.keep(39 * block..<size)
    }
    #expect(cache.index.body(of: inodes[1])?.group != 0)
    #expect(cache.index.body(of: inodes[1])?.kept == 39 * block..<size)
    // The first alone would free nothing.
    #expect(cache.evict(bytes: 2 * size) > 0)
    #expect(inodes.allSatisfy { status($0) == nil })
    expectExact(cache, inodes)
    // A trimmed body is nobody's twin.
    #expect(try body(inodes[0], size: size, in: cache).fill(0..<size, seed: 1))
    try body(inodes[0], size: size, in: cache).keep(39 * block..<size)
    cache.index.setProof(.holds, of: inodes[0])
    #expect(cache.evict(bytes: 1) > 0)
    #expect(cache.index.body(of: inodes[0])?.isTrimmed == true)
    #expect(cache.index.body(of: inodes[0])?.proof == BodyRow.Proof.none)
    #expect(try !body(inodes[1], size: size, in: cache).contains(0..<1))
  }

  @Test func theShareOfWhatIsKeptIsBounded() throws {
    let limit: Int64 = 24 << 20
    let cache = try fixture.open(size: limit)
    defer { cache.close() }
    let size = 32 * block
    let kept = 8 * block..<24 * block
    var inodes: [InodeNumber] = []
    for number in 0..<120 {
      fixture.time.advance(by: .milliseconds(10))
      inodes.append(try shard(EntryName("\(number)"), keeping: kept, size: size, in: cache))
      let held = cache.index.coldest(skipping: 0, limit: 1).ranks[6...].reduce(0, +)
      #expect(held <= limit / 4 + Int64(kept.count) + 4096)
      #expect(fixture.allocated <= limit)
      if number % 4 == 0 { cache.tick() }
    }
    expectExact(cache, inodes)
    let trimmed = inodes.filter { cache.index.body(of: $0)?.isTrimmed ?? false }
    #expect(trimmed.count > 5)
    for inode in trimmed { try expectKept(inode, kept, size: size, in: cache) }
    // Not the first ones for ever: the last to be evicted are among them.
    let evicted = inodes.filter { (cache.index.body(of: $0)?.allocated ?? 0) < Int64(kept.count) * 3 / 2 }
    let recent = Set(evicted.suffix(12))
    #expect(trimmed.contains { recent.contains($0) })
    #expect(try !trimmed.contains(#require(inodes.first)))
  }
}
