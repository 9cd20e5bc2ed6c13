import ObjectStorage
import Objects
import Platform
import Testing
import Zarr

@testable import Fetch

/// Shards as a script: names and reads of inner chunks in, advice out.
@Suite struct HierarchyShardTests {
  private static let layout = ShardLayout(shardShape: [800, 800], innerChunkShape: [200, 200])!

  private static func document(
    inner: String = "[200,200]", codecs: String = #"[{"name":"bytes"}]"#, shards: Int = 4,
    index: String = #"[{"name":"bytes","configuration":{"endian":"little"}},{"name":"crc32c"}]"#, chunk: Int = 800,
    after: String = ""
  ) -> String {
    """
    {"zarr_format":3,"node_type":"array","shape":[\(shards * chunk),\(chunk)],"data_type":"float32","fill_value":0,
    "chunk_grid":{"name":"regular","configuration":{"chunk_shape":[\(chunk),\(chunk)]}},
    "chunk_key_encoding":{"name":"default","configuration":{"separator":"/"}},
    "codecs":[{"name":"sharding_indexed","configuration":{"chunk_shape":\(inner),"codecs":\(codecs),
    "index_codecs":\(index)}}\(after)]}
    """
  }

  private static func table(_ text: String = document(), prefetch: Int = 8, roundTrip: Int64 = 0) -> HierarchyTable {
    var configuration = HierarchyTable.Configuration(
      timeToLive: .seconds(60), canList: false, prefetchChunks: prefetch, prefetchBytes: 64 << 20)
    configuration.roundTripBytes = roundTrip
    var table = HierarchyTable(configuration)
    if let document = HierarchyTable.Document("s/zarr.json", Array(text.utf8)) {
      _ = table.learn(document, at: WallTime(milliseconds: 1_000_000))
    }
    return table
  }

  private static func judge(_ table: inout HierarchyTable, _ name: EntryName, in directory: ObjectKey) -> NameJudgement
  {
    table.judge(name, in: directory, at: WallTime(milliseconds: 1_000_000), MonotonicTime(nanoseconds: 0)).judgement
  }

  /// Reads of inner chunks by shard (of a column of shards, 4 x 4 inner chunks each) and number; what was advised, by shard.
  private static func read(_ table: inout HierarchyTable, _ order: [(Int, Int)]) -> [Int: Set<Int>] {
    var advised: [Int: Set<Int>] = [:]
    for (step, (shard, number)) in order.enumerated() {
      let now = MonotonicTime(nanoseconds: Int64(step) * 1_000_000)
      for case .inner(let base, let path, let inner) in table.read(ObjectKey("s/c/\(shard)/0"), inner: number, at: now)
      {
        #expect(base == "s/" && inner.layout == layout)
        for other in 0..<100 where path == ObjectKey("c/\(other)/0") {
          let isNew = advised[other, default: []].isDisjoint(with: inner.numbers)
          #expect(isNew, "each once")
          advised[other, default: []].formUnion(inner.numbers)
        }
      }
    }
    return advised
  }

  // MARK: Names

  @Test func aShardIsAskedForByItsIndex() {
    var table = Self.table()
    #expect(Self.judge(&table, "c", in: "s/") == .directory)
    #expect(Self.judge(&table, "1", in: "s/c/") == .directory)
    #expect(Self.judge(&table, "0", in: "s/c/1/") == .askByIndex(Self.layout))
    let (shard, document) = (table.partialReading(of: "s/c/1/0"), table.partialReading(of: "s/zarr.json"))
    #expect(shard == .shard(Self.layout) && document == nil)
    #expect(Self.layout.indexRequest == .suffix(16 * 16 + 4 + 32767))
    let early = ShardLayout(shardShape: [8], innerChunkShape: [1], indexAtStart: true)
    #expect(early?.indexRequest == .bytes(0..<32768))
  }

  /// The paths of the shards whose indexes are advised when this one is looked up.
  private static func indexes(_ table: inout HierarchyTable, _ shard: Int) -> [ObjectKey] {
    let advice = table.judge(
      "0", in: ObjectKey("s/c/\(shard)/"), at: WallTime(milliseconds: 1_000_000), MonotonicTime(nanoseconds: 0))
    return advice.ahead.compactMap { item in
      guard case .inner("s/", let path, let inner) = item, inner.numbers.isEmpty else { return nil }
      return path
    }
  }

  @Test func theOtherIndexesOfFewShardsComeAlong() {
    var table = Self.table()
    #expect(Self.indexes(&table, 1) == ["c/0/0", "c/2/0", "c/3/0"])
    #expect(Self.indexes(&table, 2) == [], "once")
    var quiet = Self.table(prefetch: 0)
    #expect(Self.indexes(&quiet, 1) == [])
    // Each index with its block is 33,028 bytes.
    var most = Self.table(Self.document(shards: 63))
    #expect(Self.indexes(&most, 0).count == 62)
    var many = Self.table(Self.document(shards: 64))
    #expect(Self.indexes(&many, 0) == [])
  }

  @Test(arguments: [
    document(codecs: #"[{"name":"sharding_indexed","configuration":{"chunk_shape":[100,100]}}]"#),
    document(index: #"[{"name":"bytes"},{"name":"gzip"}]"#),
    // 90,000 inner chunks: an index of 1.4 MB.
    document(inner: "[10,10]", chunk: 3000),
  ]) func othersArePlainRanges(text: String) {
    var table = Self.table(text)
    #expect(Self.judge(&table, "0", in: "s/c/1/") == .askByHead)
    let reading = table.partialReading(of: "s/c/1/0")
    #expect(reading == .ranges)
    let ahead = table.read("s/c/1/0", inner: 0, at: MonotonicTime(nanoseconds: 0))
    #expect(ahead.isEmpty)
  }

  @Test(arguments: [
    // 160 KB decoded: cheaper whole.
    document(inner: "[100,100]", chunk: 200),
    document(after: #",{"name":"gzip","configuration":{"level":1}}"#),
  ]) func smallOnesAndPackedOnesAreReadWhole(text: String) {
    var table = Self.table(text)
    #expect(Self.judge(&table, "0", in: "s/c/1/") == .askByGet(.chunk))
    let reading = table.partialReading(of: "s/c/1/0")
    #expect(reading == nil)
  }

  // MARK: Walks

  @Test func aWalkInsideAndAcrossShards() {
    var table = Self.table()
    // In C order: a row of four inner chunks, then the next row.
    let advised = Self.read(&table, (0..<16).map { (0, $0) })
    #expect(advised[0]?.isSuperset(of: 3..<16) == true)
    #expect(advised[1]?.contains(0) == true)
    #expect(advised[2] == nil)
  }

  @Test func backwards() {
    var table = Self.table()
    let advised = Self.read(&table, (0..<12).map { (3, 15 - $0) })
    #expect(advised[3]?.isSuperset(of: 0..<12) == true)
    #expect(advised[2]?.contains(15) == true)
    #expect(advised[1] == nil)
  }

  @Test func twoStreams() {
    var table = Self.table(Self.document(shards: 40), prefetch: 16)
    let advised = Self.read(&table, (0..<12).flatMap { [(0, $0), (30, $0)] })
    #expect(advised[0]?.contains(12) == true)
    #expect(advised[30]?.contains(12) == true)
  }

  @Test func randomReadsAreLeftAlone() {
    var table = Self.table(Self.document(shards: 40))
    let advised = Self.read(&table, [(3, 9), (17, 2), (30, 15), (3, 1), (8, 6), (21, 11), (39, 0), (12, 13), (26, 4)])
    #expect(advised.isEmpty)
  }

  @Test func nothingWhenSwitchedOff() {
    var table = Self.table(prefetch: 0)
    #expect(Self.read(&table, (0..<16).map { (0, $0) }).isEmpty)
  }

  @Test func absentShardsArePassedOver() {
    var table = Self.table(Self.document(shards: 40), prefetch: 32)
    table.absent("s/c/1/0")
    let advised = Self.read(&table, (0..<16).map { (0, $0) })
    #expect(advised[1] == nil)
    #expect(advised[2]?.isEmpty == false)
  }

  @Test func whatCameOfItIsHeardByInnerChunk() {
    var table = Self.table()
    let advised = Self.read(&table, (0..<4).map { (0, $0) })
    #expect(advised[0]?.contains(4) == true)
    // Not fetched: advised again. Absent: never.
    table.note(.failed, of: "s/c/0/0", inner: [5])
    table.note(.absent, of: "s/c/0/0", inner: [6])
    let again = Self.read(&table, [(0, 4)])
    #expect(again[0]?.contains(5) == true && again[0]?.contains(6) == false)
    // What the shard itself did says nothing of its inner chunks.
    table.failed("s/c/0/0")
  }

  @Test func wasteHalvesTheDepth() {
    func ahead(afterWaste isWasted: Bool) -> Int {
      var table = Self.table(Self.document(shards: 40), prefetch: 64)
      let advised = Self.read(&table, (0..<14).map { (0, $0) })
      if isWasted {
        for (shard, numbers) in advised {
          table.note(.wasted, of: ObjectKey("s/c/\(shard)/0"), inner: numbers.filter { shard > 0 || $0 > 13 })
        }
      }
      return Self.read(&table, [(0, 14)]).values.reduce(0) { $0 + $1.count }
    }
    // Without waste, what is ahead only moves on; with it, the depth begins again near one.
    #expect(ahead(afterWaste: true) <= 3)
    var table = Self.table(Self.document(shards: 40), prefetch: 64)
    let before = Self.read(&table, (0..<14).map { (0, $0) }).values.reduce(0) { $0 + $1.count }
    #expect(before > 14)
  }

  @Test func aWalkBeginsWithARoundTrip() {
    // 160 KB an inner chunk: 12 of them in 1.9 MB.
    var slow = Self.table(Self.document(shards: 40), prefetch: 64)
    var fast = Self.table(Self.document(shards: 40), prefetch: 64, roundTrip: 1_900_000)
    let few = Self.read(&slow, (0..<3).map { (0, $0) })
    let many = Self.read(&fast, (0..<3).map { (0, $0) })
    #expect(few.values.reduce(0) { $0 + $1.count } == 2)
    #expect(many.values.reduce(0) { $0 + $1.count } == 12)
    var bounded = Self.table(Self.document(shards: 40), prefetch: 5, roundTrip: 1_900_000)
    #expect(Self.read(&bounded, (0..<3).map { (0, $0) }).values.reduce(0) { $0 + $1.count } == 5)
  }
}
