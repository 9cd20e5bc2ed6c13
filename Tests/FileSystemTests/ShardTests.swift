import Cache
import Fetch
import FileSystem
import ObjectStorage
import Objects
import Platform
import TestSupport
import Testing

private let block: Int64 = 32 << 10

/// Shards, from the lookup to the store: what is asked, and how many bytes come.
@Suite struct ShardTests {
  @Test(arguments: [false, true]) func `One round trip tells a shard's name and brings its index`(atStart: Bool) throws
  {
    let site = try ShardSite(ShardFixture(indexAtStart: atStart))
    let size = try #require(site.world.walk("s/c/1")).size
    #expect(size == Int64(site.shards[1].bytes.count))
    try site.read(1, site.shards[1].index)
    #expect(site.gets.count == 1)
    #expect(site.world.store.count(.head) == 0)
    #expect(site.gets[0].range == (atStart ? .bytes(0..<block) : .suffix(8 * 16 + 4 + block - 1)))
    site.settle()
    #expect(site.world.store.bytesSent <= 2 * block)
  }

  @Test(arguments: [false, true]) func `A READ in an inner chunk fetches all of it, and nothing else`(atStart: Bool)
    throws
  {
    let site = try ShardSite(ShardFixture(indexAtStart: atStart))
    try site.read(1, inner: 5)
    site.settle()
    #expect(site.gets.count == 2)
    #expect(try site.asked(1).last == site.blocks(1, inner: 5))
    // Again: near.
    try site.read(1, inner: 5)
    #expect(site.gets.count == 2)
  }

  @Test func `The last page may be asked for first`() throws {
    let site = try ShardSite()
    let range = try #require(site.shards[0].ranges[2])
    try site.read(0, site.shards[0].index)
    try site.read(0, range.upperBound..<range.upperBound)
    try site.read(0, range)
    site.settle()
    #expect(site.gets.count == 2)
  }

  @Test(arguments: [false, true]) func `Random inner chunks move little more than themselves`(atStart: Bool) throws {
    let site = try ShardSite(ShardFixture(indexAtStart: atStart))
    var wanted: Int64 = 0
    let order = [(2, 3), (0, 6), (1, 1), (2, 0), (0, 3), (1, 7), (2, 6), (0, 1), (1, 4), (0, 4)]
    for (shard, inner) in order {
      try site.read(shard, inner: inner)
      wanted += Int64(site.shards[shard].ranges[inner]?.count ?? 0)
    }
    site.settle()
    #expect(site.gets.count == order.count + 3)
    #expect(site.gets.allSatisfy { $0.priority == .demand }, "random access is left alone")
    #expect(Double(site.world.store.bytesSent) <= 1.3 * Double(wanted))
  }

  @Test func `Who jumps between few shards waits for one index`() throws {
    let site = try ShardSite(shards: 4, indexBytes: 1 << 20)
    site.world.store.hold(.get)
    let (slot, _) = site.world.begin("2", in: try #require(site.world.walk("s/c")?.inode))
    site.world.store.waitForRequests(4, .get)
    site.world.store.release()
    #expect(slot.wait("a shard").inode != nil)
    site.settle()
    #expect(site.gets.map(\.priority) == [.demand, .prefetch, .prefetch, .prefetch])
    site.world.store.resetCounts()
    for shard in 0..<4 { try site.read(shard, site.shards[shard].index) }
    #expect(site.world.store.requestCount == 0)
    for shard in 0..<4 { try site.read(shard, inner: 5) }
    #expect(site.gets.count == 4)
  }

  @Test func `A shard that a listing told of is read by its index too`() throws {
    let site = try ShardSite(canList: true)
    let folder = try #require(site.world.walk("s/c")?.inode)
    #expect(site.world.list(folder) == ["0", "1", "2"])
    site.world.store.resetCounts()
    try site.read(1, inner: 6)
    site.settle()
    #expect(site.gets.count == 2)
  }

  @Test func `After a remount the index is used again without a request`() throws {
    let site = try ShardSite()
    try site.read(1, inner: 2)
    site.settle()
    try site.remount()
    try site.read(1, inner: 3)
    site.settle()
    #expect(try site.asked(1) == [site.blocks(1, inner: 3)])
    #expect(site.gets.count == 1)
  }

  /// The blocks of the disk that hold a shard's index, whole.
  private func index(_ shard: ShardFixture.Shard) -> ByteRange {
    shard.index.aligned(to: block, limit: Int64(shard.bytes.count))
  }

  @Test(arguments: [false, true]) func `A shard that was evicted keeps its index, over a remount too`(atStart: Bool)
    throws
  {
    let site = try ShardSite(ShardFixture(indexAtStart: atStart), shards: 12, prefetch: 0, cacheSize: 16 << 20)
    for shard in 0..<12 { try site.read(shard, inners: [5, 0, 3, 7, 2, 4, 1]) }
    #expect(site.gets.count == 12 * 8)
    let evicted = try (0..<12).filter {
      site.world.cache.cachedBytes(of: try site.inode($0)) == Int64(index(site.shards[$0]).count)
    }
    #expect(evicted.count > 4 && evicted.first == 0)
    #expect(site.world.cache.usage.evictions == evicted.count)
    try site.remount()
    for shard in evicted {
      try site.read(shard, inners: [6])
      #expect(try site.asked(shard) == [site.blocks(shard, inner: 6)], "the inner chunk and nothing else")
    }
    #expect(site.gets.count == evicted.count)
    #expect(site.world.store.count(.head) == 0)

    // Too old to be believed: asked by one HEAD, and what is near stays.
    site.world.time.advance(by: .seconds(3600))
    try site.remount()
    try site.read(0, inners: [3])
    #expect(site.world.store.count(.head, "s/c/0") == 1)
    #expect(try site.asked(0) == [site.blocks(0, inner: 3)])
    #expect(site.gets.count == 1)
  }

  @Test func `Chunks fetched into a trimmed shard are evicted as any, and its index stays`() throws {
    let site = try ShardSite(shards: 12, prefetch: 0, cacheSize: 16 << 20)
    for round in 0..<3 {
      for shard in 0..<12 { try site.read(shard, inners: [5, 0, 3, 7, 2, 4, 1]) }
      for shard in 0..<12 {
        let index = index(site.shards[shard])
        #expect(site.asked(shard).allSatisfy { !$0.overlaps(index) }, "round \(round)")
      }
    }
    #expect(site.gets.count { if case .suffix = $0.range { true } else { false } } == 12, "once each")
    #expect(site.gets.count > 12 + 2 * 12 * 7)
    #expect(site.world.cache.usage.evictions > 20)
  }

  @Test func `A shard that went whole and came again keeps its index too`() throws {
    let site = try ShardSite(shards: 12, prefetch: 0, cacheSize: 16 << 20)
    try site.read(0, inners: [5])
    #expect(site.world.names.evict(try site.inode(0), isDirectory: false) > 0)
    #expect(site.world.cache.cachedBytes(of: try site.inode(0)) == 0)
    try site.read(0, inners: [5, 0])
    for shard in 1..<12 { try site.read(shard, inners: [5, 0, 3, 7, 2, 4, 1]) }
    #expect(site.world.cache.cachedBytes(of: try site.inode(0)) == Int64(index(site.shards[0]).count))
  }

  // MARK: Walks

  @Test(arguments: [false, true]) func `A walk is fetched ahead, inside a shard and across`(isBackwards: Bool) throws {
    let site = try ShardSite(shards: 4)
    var order = (0..<4).flatMap { shard in (0..<8).map { (shard, $0) } }
    if isBackwards { order.reverse() }
    for (shard, inner) in order {
      try site.read(shard, inner: inner)
      // What was advised has come: the count below is then not a matter of who was faster.
      site.settle()
    }
    let statistics = site.world.fetcher.statistics
    #expect(statistics.prefetchedUsed > 25 * 250_000)
    #expect(statistics.prefetchedWasted == 0)
    for shard in 0..<4 {
      var seen: Int64 = 0
      for range in site.asked(shard).sorted(by: { $0.lowerBound < $1.lowerBound }) {
        #expect(range.lowerBound >= seen, "no byte twice")
        seen = range.upperBound
      }
    }
    // Three inner chunks until the walk is believed, and the indexes.
    #expect(site.gets.count { $0.priority == .demand } <= 3 + 1)
    let size = site.shards.reduce(0) { $0 + $1.bytes.count }
    #expect(site.world.store.bytesSent <= Int64(size) + 4 * block)
  }

  @Test func `A walk passes over absent inner chunks`() throws {
    let site = try ShardSite(shards: 4, absent: [2, 5])
    for shard in 0..<4 {
      for inner in 0..<8 where inner != 2 && inner != 5 {
        try site.read(shard, inner: inner)
        site.settle()
      }
    }
    #expect(site.world.fetcher.statistics.prefetchedUsed > 12 * 250_000)
  }

  @Test func `Nothing is fetched ahead when switched off`() throws {
    let site = try ShardSite(shards: 2, prefetch: 0)
    for inner in 0..<8 { try site.read(0, inner: inner) }
    site.settle()
    #expect(site.gets.count == 9)
    #expect(site.gets.allSatisfy { $0.priority == .demand })
  }

  @Test func `A reader that comes to what is being fetched ahead waits for that GET`() throws {
    let site = try ShardSite()
    for inner in 0..<3 {
      try site.read(0, inner: inner)
      site.settle()
    }
    let before = site.gets.count
    site.world.store.hold { $0.kind == .get && $0.priority == .prefetch }
    try site.read(0, inner: 3)
    site.world.store.waitForRequests(before + 1, .get)
    let next = try #require(site.gets.last { $0.priority == .prefetch }?.range)
    guard case .bytes(let ahead) = next else { throw Errno.inputOutput }
    let held = site.gets.count
    let (slot, _) = site.world.beginRead(try site.inode(0), ahead.lowerBound..<ahead.lowerBound + 4096)
    #expect(slot.count == 0)
    site.world.store.release()
    let isSame = try slot.wait().get().elementsEqual(
      site.shards[0].bytes[Int(ahead.lowerBound)..<Int(ahead.lowerBound) + 4096])
    #expect(isSame)
    site.settle()
    #expect(site.asked(0).count { $0.overlaps(ahead) } == 1)
    #expect(held <= site.gets.count)
  }

  @Test func `What is evicted before anybody read it is waste`() throws {
    let site = try ShardSite()
    for inner in 0..<4 {
      try site.read(0, inner: inner)
      site.settle()
    }
    #expect(site.world.fetcher.statistics.bytesPrefetched > 0)
    #expect(site.world.fetcher.statistics.prefetchedWasted == 0)
    let unread = site.world.fetcher.statistics.bytesPrefetched - site.world.fetcher.statistics.prefetchedUsed
    #expect(unread > 0)
    _ = site.world.names.evict(try site.inode(0), isDirectory: false)
    #expect(site.world.fetcher.statistics.prefetchedWasted > 0)
    #expect(site.world.fetcher.statistics.prefetchedWasted <= unread)
    // The index is kept apart: the next inner chunk costs one GET, the index's page another.
    site.world.store.resetCounts()
    try site.read(0, #require(site.shards[0].ranges[6]))
    site.settle()
    #expect(site.gets.count { $0.priority == .demand } == 1)
  }

  // MARK: What cannot be trusted

  @Test(arguments: [ShardFixture(isDamaged: true), ShardFixture(pointsOutside: true)])
  func `An index that makes no sense is no error: plain ranges`(fixture: ShardFixture) throws {
    let site = try ShardSite(fixture)
    try site.read(0, site.shards[0].index)
    let range = try #require(site.shards[0].ranges[5])
    let page = (range.lowerBound + 150_000) / 32_768 * 32_768
    try site.read(0, page..<page)
    #expect(site.asked(0).last == page..<page + 32_768, "not the inner chunk")
    for inner in [0, 1, 2, 4, 5, 6, 7] { try site.read(0, inner: inner) }
    try site.read(1, 0..<Int64(site.shards[1].bytes.count))
    site.settle()
    #expect(site.world.lines.withLock { $0.contains { $0.contains("makes no sense") } })
  }

  @Test(arguments: [
    StoreError(.rejected, "501", status: 501), StoreError(.unsatisfiable(size: 2_000_000), "416", status: 416),
  ]) func `A server that cannot count from the end is asked by HEAD`(error: StoreError) throws {
    let site = try ShardSite()
    site.world.store.failNext(1, with: error) { request in
      if case .suffix = request.range { return true }
      return false
    }
    try site.read(0, inner: 5)
    try site.read(1, inner: 5)
    site.settle()
    #expect(site.world.store.count(.head, "s/c/0") == 1 && site.world.store.count(.head, "s/c/1") == 1)
    // Its refusal, and for each shard the index and the inner chunk.
    #expect(site.gets.count == 1 + 2 * 2)
  }

  @Test func `A server without ranges sends all`() throws {
    let site = try ShardSite()
    site.world.store.setIgnoresRanges(true)
    try site.read(0, inner: 5)
    try site.read(0, inner: 1)
    site.settle()
    #expect(site.gets.count == 1)
  }

  @Test func `An absent or empty shard is what it is`() throws {
    let site = try ShardSite()
    site.world.store.remove("s/c/1")
    site.world.store.put("s/c/2", "")
    let folder = try #require(site.world.walk("s/c")?.inode)
    #expect(site.world.lookup("1", in: folder).isAbsent)
    #expect(site.world.lookup("2", in: folder).attributes?.size == 0)
  }

  @Test func `A shard that was replaced gives no byte of the old one`() throws {
    let site = try ShardSite()
    try site.read(0, inner: 5)
    site.settle()
    var other = ShardFixture(isDamaged: false)
    _ = other.shard()
    let new = other.shard()
    site.world.store.put("s/c/0", new.bytes)
    let range = try #require(site.shards[0].ranges[1])
    let answer = site.world.read(try site.inode(0), range.lowerBound..<range.lowerBound + 4096)
    #expect(answer == .failure(.stale))
  }
}
