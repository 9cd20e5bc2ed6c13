import CSQLite
import Glibc
import Objects
import Platform
import TestSupport
import Testing

@testable import Cache

private let block = BlockGeometry.blockSize

/// What a trimmed shard is after a kill, a power loss, a failing index, and among many threads.
@Suite struct TrimSurvivalTests: TrimTesting {
  let fixture = CacheFixture()

  enum Step: CaseIterable { case rows, file, rowsAgain, commit }

  /// Killed after each step, and swept: what the rows say is what the disk has, and each byte is right.
  @Test(arguments: Step.allCases) func aKillAfterAnyStepCostsNothing(step: Step) throws {
    let limit: Int64 = 24 << 20
    var cache = try fixture.open(size: limit)
    let inodes = try (0..<3).map { try shard(EntryName("\($0)"), in: cache) }
    cache.tick()
    let rows = inodes[..<2].compactMap { cache.index.body(of: $0) }
    var released: [Body] = []
    for row in rows { #expect(cache.table.withLock { $0.leave(row.inode, release: &released) }) }
    released = []
    let begun = cache.index.beginTrim(rows.map(\.inode))
    #expect(begun.count == 2)
    if step != .rows {
      var allocated: [InodeNumber: Int64] = [:]
      for row in rows { allocated[row.inode] = try cache.punch(row, keeping: Self.end).after }
      if step != .file { cache.settle(cache.index.endTrim(allocated)) }
      if step == .commit { cache.index.commit() }
    }
    cache.abandon()

    cache = try fixture.open(size: limit)
    #expect(cache.usage.isSweeping)
    for inode in inodes[..<2] { try expectKept(inode, Self.end, in: cache) }
    #expect(cache.usage.bodyBytes >= inodes.reduce(0) { $0 + (status($1)?.allocatedBytes ?? 0) })
    #expect(cache.usage.allocated >= fixture.allocated)
    cache.sweep()
    expectExact(cache, inodes)
    for inode in inodes[..<2] {
      try expectKept(inode, Self.end, in: cache)
      // Never chunks among the metadata.
      let isTrimmed = try #require(cache.index.body(of: inode)).isTrimmed
      let bytes = try #require(status(inode)).allocatedBytes
      #expect(isTrimmed == (step == .commit) && (bytes < 10 * block) == (step != .rows))
    }
    #expect(try body(inodes[2], in: cache).holds(0..<Self.size, seed: inodes[2].rawValue))
    // The next eviction goes on.
    if step == .rows {
      #expect(cache.evict(bytes: 1) > 100 * block)
      #expect(try #require(status(inodes[0])).allocatedBytes < 10 * block)
    }
    for inode in inodes[..<2] {
      #expect(try body(inode, in: cache).fill(0..<4 * block, seed: inode.rawValue))
      #expect(try body(inode, in: cache).holds(0..<4 * block, seed: inode.rawValue))
    }
    expectExact(cache, inodes)
    cache.close()
    cache = try fixture.open(size: limit)
    defer { cache.close() }
    expectExact(cache, inodes)
    #expect(!cache.usage.isSweeping)
  }

  /// Power loss: the holes came to the disk, and the rows that say so did not.
  @Test func anOlderIndexIsNotBelievedWhereThereAreHoles() throws {
    let cache = try fixture.open()
    let inode = try shard("a", in: cache)
    cache.tick()
    let older = fixture.copy()
    #expect(cache.evict(bytes: 1) > 0)
    cache.abandon()
    for name in ["index.sqlite", "index.sqlite-wal", "index.sqlite-shm"] {
      unlink(fixture.folder + "/" + name)
      _ = system("cp '\(older.folder)/\(name)' '\(fixture.folder)/\(name)' 2>/dev/null")
    }
    let again = try fixture.open()
    defer { again.close() }
    let body = try body(inode, in: again)
    #expect(body.contains(0..<Self.size), "so it says")
    #expect(body.bytes(0..<Self.size) == nil)
    #expect(again.usage.verifyFailures > 0)
    #expect(body.holds(Self.end, seed: inode.rawValue))
    again.sweep()
    expectExact(again, [inode])
    #expect(body.fill(0..<Self.size, seed: inode.rawValue) && body.holds(0..<Self.size, seed: inode.rawValue))
  }

  /// The index fails and goes back to its last commit, which is that of the first step.
  @Test func aRollbackBringsNothingBackThatIsAHole() throws {
    let cache = try fixture.open()
    defer { cache.close() }
    let inodes = try (0..<2).map { try shard(EntryName("\($0)"), in: cache) }
    cache.tick()
    #expect(cache.evict(bytes: 1) > 0)
    cache.index.fail(with: SQLiteCode(SQLITE_IOERR))
    for inode in inodes {
      let body = try body(inode, in: cache)
      for lower in stride(from: 0, to: Self.size, by: Int(block)) {
        let range = lower..<min(lower + block, Self.size)
        if let bytes = body.bytes(range) { #expect((bytes == content(inode.rawValue, range)) as Bool) }
      }
    }
    #expect(cache.usage.verifyFailures == 0)
    cache.sweep()
    expectExact(cache, inodes)
  }

  @Test func manyThreadsFillTrimAndRead() throws {
    let limit: Int64 = 24 << 20
    let cache = try BlockCache.open(fixture.configuration(size: limit), time: fixture.time, log: .silent)
    defer { cache.close() }
    let size = 32 * block
    let inodes = (0..<40).map { cache.file(EntryName("\($0)"), size: size).0 }
    let (wrong, kept) = (Monitor(0), Monitor(0))
    let threads = try (0..<4).map { thread in
      try Thread.start("shard") {
        var random = SeededGenerator(seed: UInt64(thread))
        for _ in 0..<150 {
          let inode = inodes[Int.random(in: 0..<40, using: &random)]
          let lower = Int64.random(in: 0..<24, using: &random) * block
          guard let body = cache.body(of: inode, size: size, class: .chunk) else { continue }
          body.touch()
          let isNew = body.missing(in: 0..<size).contains(0..<31 * block)
          for range in [31 * block..<size, lower..<lower + 8 * block] {
            if let bytes = body.bytes(range) {
              if bytes != content(inode.rawValue, range) { wrong.withLock { $0 += 1 } }
              if isNew, range.lowerBound == 31 * block { kept.withLock { $0 += 1 } }
            } else {
              for part in body.missing(in: range) { body.fill(part, seed: inode.rawValue, piece: 1 << 20) }
            }
          }
          body.keep(31 * block..<size)
        }
      }
    }
    for thread in threads { thread.join() }
    #expect(wrong.withLock { $0 } == 0)
    #expect(kept.withLock { $0 } > 0, "some were found trimmed")
    #expect(fixture.allocated <= limit)
    cache.sweep()
    expectExact(cache, inodes)
  }
}
