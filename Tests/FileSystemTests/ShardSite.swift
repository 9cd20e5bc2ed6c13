import Cache
import Fetch
import FileSystem
import ObjectStorage
import Objects
import Platform
import TestSupport
import Testing

/// An array `s` of some shards, its document read as a reader reads it.
final class ShardSite {
  let world: World
  let shards: [ShardFixture.Shard]
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
    let time = ManualTimeSource()
    let hierarchy = Self.oracle(prefetch, time, indexBytes)
    world = World(canList: canList, oracle: hierarchy, cacheSize: cacheSize, time: time) { store in
      store.put("s/zarr.json", document)
      for (number, shard) in shards.enumerated() { store.put(ObjectKey("s/c/\(number)"), shard.bytes) }
    }
    try open(hierarchy)
  }

  /// Without the indexes of other shards, unless told: so that what is asked is what was asked for.
  private static func oracle(_ prefetch: Int, _ time: ManualTimeSource, _ indexBytes: Int64 = 0) -> Hierarchy {
    var configuration = HierarchyTable.Configuration(
      timeToLive: .seconds(60), canList: false, prefetchChunks: prefetch, prefetchBytes: 32 << 20)
    configuration.indexBytes = indexBytes
    return Hierarchy(configuration, time: time)
  }

  /// Reads the document, and waits until what follows from it is learnt, which is after the reader's answer.
  private func open(_ hierarchy: Hierarchy) throws {
    let document = try #require(world.walk("s/zarr.json")?.inode)
    _ = try world.read(document).get()
    let folder = DirectoryReference(inode: .root, key: "s/c/")
    poll("the array") { hierarchy.judge("99999", in: folder).judgement != .ask }
    world.store.resetCounts()
    inodes = [:]
  }

  func remount() throws {
    let hierarchy = Self.oracle(prefetch, world.time)
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
    return BlockGeometry.covering(range.lowerBound..<(range.upperBound + 4095) / 4096 * 4096 + 16_384, size: size)
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

  func settle() { world.settle() }

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
