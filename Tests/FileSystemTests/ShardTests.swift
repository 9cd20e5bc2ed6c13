import Cache
import Fetch
import FileSystem
import Glibc
import ObjectStorage
import Objects
import Platform
import TestSupport
import Testing

private let block: Int64 = 32 << 10

/// Shards, from the lookup to the store: what is asked, and how many bytes come.
@Suite struct ShardTests {
  /// An array `s` of some shards, its document read as a reader reads it.
  private final class Site {
    let world: World
    let shards: [ShardFixture.Shard]
    private let hierarchy: Hierarchy
    private let prefetch: Int
    private var inodes: [Int: InodeNumber] = [:]

    init(
      _ fixture: ShardFixture = ShardFixture(), shards count: Int = 3, canList: Bool = false, prefetch: Int = 64,
      absent: Set<Int> = [], cacheSize: Int64 = 64 << 20, indexBytes: Int64 = 0
    ) throws {
      var fixture = fixture
      let shards = (0..<count).map { _ in fixture.shard(absent: absent) }
      self.shards = shards
      let document = fixture.document(shards: count)
      self.prefetch = prefetch
      hierarchy = Self.oracle(prefetch, indexBytes)
      world = World(canList: canList, oracle: hierarchy, cacheSize: cacheSize) { store in
        store.put("s/zarr.json", document)
        for (number, shard) in shards.enumerated() { store.put(ObjectKey("s/c/\(number)"), shard.bytes) }
      }
      try open(hierarchy)
    }

    /// Without the indexes of other shards, unless told: so that what is asked is what was asked for.
    static func oracle(_ prefetch: Int, _ indexBytes: Int64 = 0) -> Hierarchy {
      var configuration = HierarchyTable.Configuration(
        timeToLive: .seconds(60), canList: false, prefetchChunks: prefetch, prefetchBytes: 32 << 20)
      configuration.indexBytes = indexBytes
      return Hierarchy(configuration, time: ManualTimeSource())
    }

    /// Reads the document, and waits until what follows from it is learnt, which is after the reader's answer.
    func open(_ hierarchy: Hierarchy) throws {
      let document = try #require(world.walk("s/zarr.json")?.inode)
      _ = try world.read(document).get()
      let folder = DirectoryReference(inode: .root, key: "s/c/")
      let deadline = SystemTimeSource().monotonic() + .seconds(60)
      while hierarchy.judge("99999", in: folder).judgement == .ask, SystemTimeSource().monotonic() < deadline {
        sched_yield()
      }
      world.store.resetCounts()
      inodes = [:]
    }

    func remount() throws {
      let hierarchy = Self.oracle(prefetch)
      world.remount(oracle: hierarchy)
      try open(hierarchy)
    }

    func inode(_ shard: Int) throws -> InodeNumber {
      if let inode = inodes[shard] { return inode }
      let inode = try #require(world.walk("s/c/\(shard)")?.inode)
      inodes[shard] = inode
      return inode
    }

    /// As the kernel asks for Python: whole pages, 128 KiB at a time, and for the last buffer four pages, from the one with
    /// the last byte on or from the next.
    func read(_ shard: Int, _ range: ByteRange) throws {
      let end = (range.upperBound + 2048) / 4096 * 4096
      let size = Int64(shards[shard].bytes.count)
      var lower = range.lowerBound / 4096 * 4096
      while lower < end {
        let upper = min(lower + 128 << 10, end)
        try check(shard, lower..<upper)
        lower = upper
      }
      if end < size { try check(shard, end..<end + 16_384) }
    }

    private func check(_ shard: Int, _ range: ByteRange) throws {
      let bytes = try world.read(inode(shard), range).get()
      let expected = shards[shard].bytes
      let isSame = bytes == Array(expected[Int(range.lowerBound)..<min(Int(range.upperBound), expected.count)])
      #expect(isSame)
    }

    /// An inner chunk, the kernel's pages at its end, whole blocks.
    func blocks(_ shard: Int, inner: Int) throws -> ByteRange {
      let range = try #require(shards[shard].ranges[inner])
      let size = Int64(shards[shard].bytes.count)
      return (range.lowerBound..<(range.upperBound + 4095) / 4096 * 4096 + 16_384).aligned(to: block, limit: size)
    }

    /// The index, as each reader of one inner chunk reads it first, and then the inner chunk.
    func read(_ shard: Int, inner: Int) throws {
      try read(shard, shards[shard].index)
      try read(shard, #require(shards[shard].ranges[inner]))
    }

    /// Inner chunks of one shard, and then nothing for a while: the shards read before are colder.
    func read(_ shard: Int, inners: [Int]) throws {
      for inner in inners { try read(shard, inner: inner) }
      settle()
      world.time.advance(by: .milliseconds(10))
    }

    /// Waits until nothing is on its way.
    func settle() {
      let deadline = SystemTimeSource().monotonic() + .seconds(60)
      while world.fetcher.statistics.openFetches > 0, SystemTimeSource().monotonic() < deadline {
        _ = world.store.headAndWait("anything")
      }
    }

    var gets: [InMemoryStore.Request] {
      world.store.requests.filter { $0.kind == .get && $0.key != "s/zarr.json" }
    }

    /// Of the shards' bytes, how often each was asked for by range.
    func asked(_ shard: Int) -> [ByteRange] {
      gets.filter { $0.key == ObjectKey("s/c/\(shard)") }.compactMap { request in
        if case .bytes(let range) = request.range { return range }
        return nil
      }
    }
  }

  @Test(arguments: [false, true]) func `One round trip tells a shard's name and brings its index`(atStart: Bool) throws
  {
    let site = try Site(ShardFixture(indexAtStart: atStart))
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
    let site = try Site(ShardFixture(indexAtStart: atStart))
    try site.read(1, inner: 5)
    site.settle()
    #expect(site.gets.count == 2)
    #expect(try site.asked(1).last == site.blocks(1, inner: 5))
    // Again: near.
    try site.read(1, inner: 5)
    #expect(site.gets.count == 2)
  }

  @Test func `The last page may be asked for first`() throws {
    let site = try Site()
    let range = try #require(site.shards[0].ranges[2])
    try site.read(0, site.shards[0].index)
    try site.read(0, range.upperBound..<range.upperBound)
    try site.read(0, range)
    site.settle()
    #expect(site.gets.count == 2)
  }

  @Test(arguments: [false, true]) func `Random inner chunks move little more than themselves`(atStart: Bool) throws {
    let site = try Site(ShardFixture(indexAtStart: atStart))
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
    let site = try Site(shards: 4, indexBytes: 1 << 20)
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
    let site = try Site(canList: true)
    let folder = try #require(site.world.walk("s/c")?.inode)
    #expect(site.world.list(folder) == ["0", "1", "2"])
    site.world.store.resetCounts()
    try site.read(1, inner: 6)
    site.settle()
    #expect(site.gets.count == 2)
  }

  @Test func `After a remount the index is used again without a request`() throws {
    let site = try Site()
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
    let site = try Site(ShardFixture(indexAtStart: atStart), shards: 12, prefetch: 0, cacheSize: 16 << 20)
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
    let site = try Site(shards: 12, prefetch: 0, cacheSize: 16 << 20)
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
    let site = try Site(shards: 12, prefetch: 0, cacheSize: 16 << 20)
    try site.read(0, inners: [5])
    #expect(site.world.names.evict(try site.inode(0), isDirectory: false) > 0)
    #expect(site.world.cache.cachedBytes(of: try site.inode(0)) == 0)
    try site.read(0, inners: [5, 0])
    for shard in 1..<12 { try site.read(shard, inners: [5, 0, 3, 7, 2, 4, 1]) }
    #expect(site.world.cache.cachedBytes(of: try site.inode(0)) == Int64(index(site.shards[0]).count))
  }

  // MARK: Walks

  @Test(arguments: [false, true]) func `A walk is fetched ahead, inside a shard and across`(isBackwards: Bool) throws {
    let site = try Site(shards: 4)
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
    let site = try Site(shards: 4, absent: [2, 5])
    for shard in 0..<4 {
      for inner in 0..<8 where inner != 2 && inner != 5 {
        try site.read(shard, inner: inner)
        site.settle()
      }
    }
    #expect(site.world.fetcher.statistics.prefetchedUsed > 12 * 250_000)
  }

  @Test func `Nothing is fetched ahead when switched off`() throws {
    let site = try Site(shards: 2, prefetch: 0)
    for inner in 0..<8 { try site.read(0, inner: inner) }
    site.settle()
    #expect(site.gets.count == 9)
    #expect(site.gets.allSatisfy { $0.priority == .demand })
  }

  @Test func `A reader that comes to what is being fetched ahead waits for that GET`() throws {
    let site = try Site()
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
    let site = try Site()
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
    let site = try Site(fixture)
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
    let site = try Site()
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
    let site = try Site()
    site.world.store.setIgnoresRanges(true)
    try site.read(0, inner: 5)
    try site.read(0, inner: 1)
    site.settle()
    #expect(site.gets.count == 1)
  }

  @Test func `An absent or empty shard is what it is`() throws {
    let site = try Site()
    site.world.store.remove("s/c/1")
    site.world.store.put("s/c/2", "")
    let folder = try #require(site.world.walk("s/c")?.inode)
    #expect(site.world.lookup("1", in: folder).isAbsent)
    #expect(site.world.lookup("2", in: folder).attributes?.size == 0)
  }

  @Test func `A shard that was replaced gives no byte of the old one`() throws {
    let site = try Site()
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
