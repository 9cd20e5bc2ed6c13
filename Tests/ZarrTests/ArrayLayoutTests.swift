import Objects
import Testing
import Zarr

@Suite struct ArrayLayoutTests {
  /// An array of 3 x 4 x 5 chunks, unless told otherwise.
  func layout(
    _ encoding: ChunkKeyEncoding, shape: [Int64] = [30, 40, 50], chunks: [Int64] = [10, 10, 10],
    shards: ShardLayout? = nil
  ) throws -> ArrayLayout {
    let metadata = ArrayMetadata(
      format: encoding.isDefault ? .v3 : .v2, shape: shape, chunkShape: chunks, keyEncoding: encoding, sharding: shards)
    return try #require(ArrayLayout(metadata))
  }

  func classify(_ layout: ArrayLayout, _ path: String) -> NameClass {
    let bytes = Array(path.utf8)
    guard let slash = bytes.lastIndex(of: UInt8(ascii: "/")) else { return layout.classify(name: EntryName(path)) }
    return layout.classify(prefix: Array(bytes[..<slash]), name: EntryName(bytes: Array(bytes[(slash + 1)...])))
  }

  @Test(
    arguments: [
      (".zarray", .metadata(.arrayV2)), (".zattrs", .metadata(.attributesV2)), (".zgroup", .metadata(.groupV2)),
      ("zarr.json", .metadata(.nodeV3)), (".zmetadata", .metadata(.consolidatedV2)), ("0.0.0", .chunk([0, 0, 0])),
      ("2.3.4", .chunk([2, 3, 4])), ("3.0.0", .outsideGrid), ("0.0.99999999999999999999999", .outsideGrid),
      ("0.0", .sidecar),
      ("0", .sidecar), ("00.0.0", .sidecar), ("c", .sidecar), (".zarray.aux.xml", .sidecar), ("README", .sidecar),
      ("0.0.0/x", .sidecar), ("sub/.zarray", .sidecar), ("", .impossible), (".", .impossible), ("..", .impossible),
      ("a\u{0}", .impossible),
    ] as [(String, NameClass)])
  func `v2 with dots`(path: String, expected: NameClass) throws {
    #expect(classify(try layout(.v2(.dot)), path) == expected)
  }

  @Test(
    arguments: [
      ("0", .chunkDirectory([0])), ("2", .chunkDirectory([2])), ("3", .outsideGrid), ("0/3", .chunkDirectory([0, 3])),
      ("0/4", .outsideGrid), ("0/3/4", .chunk([0, 3, 4])), ("0/3/5", .outsideGrid), ("3/0/0", .outsideGrid),
      ("0/3/4/0", .sidecar), ("01", .sidecar), ("0/x", .sidecar), ("0/.zarray", .sidecar), ("0.0.0", .sidecar),
      ("c", .sidecar), (".zarray", .metadata(.arrayV2)),
    ] as [(String, NameClass)])
  func `v2 with slashes`(path: String, expected: NameClass) throws {
    #expect(classify(try layout(.v2(.slash)), path) == expected)
  }

  @Test(
    arguments: [
      ("c", .chunkDirectory([])), ("c/0", .chunkDirectory([0])), ("c/3", .outsideGrid), ("c/0/3/4", .chunk([0, 3, 4])),
      ("c/0/3/5", .outsideGrid), ("c/0/3/4/1", .sidecar), ("0", .sidecar), ("c/c", .sidecar), ("c/zarr.json", .sidecar),
      ("zarr.json", .metadata(.nodeV3)), ("c/-1", .sidecar), ("c.0.0.0", .sidecar), ("other/0", .sidecar),
    ] as [(String, NameClass)])
  func `v3 with slashes`(path: String, expected: NameClass) throws {
    #expect(classify(try layout(.default(.slash)), path) == expected)
  }

  @Test func `v3 with dots, and scalars`() throws {
    let dots = try layout(.default(.dot))
    #expect(classify(dots, "c.2.3.4") == .chunk([2, 3, 4]))
    #expect(classify(dots, "c.3.3.4") == .outsideGrid)
    #expect(classify(dots, "c") == .sidecar)
    for (encoding, name) in [
      (ChunkKeyEncoding.default(.slash), "c"), (.default(.dot), "c"), (.v2(.dot), "0"), (.v2(.slash), "0"),
    ] {
      let scalar = try layout(encoding, shape: [], chunks: [])
      #expect(classify(scalar, name) == .chunk([]))
      #expect(classify(scalar, "1") == .sidecar)
      #expect(classify(scalar, name + "/0") == .sidecar)
      #expect(scalar.directoryDepth == 0)
    }
  }

  @Test func `an empty array has no chunks and no chunk directories`() throws {
    let empty = try layout(.default(.slash), shape: [0, 4], chunks: [1, 1])
    #expect(classify(empty, "c") == .outsideGrid)
    #expect(classify(empty, "c/0") == .outsideGrid)
  }

  @Test(arguments: ChunkKeyEncodingTests.all)
  func `every chunk of a grid is found by its path`(encoding: ChunkKeyEncoding) throws {
    let layout = try layout(encoding)
    for index in 0..<(layout.grid.total ?? 0) {
      let coordinates = try #require(layout.grid.coordinates(linearIndex: index))
      let key = layout.key(coordinates)
      #expect(classify(layout, String(decoding: key, as: UTF8.self)) == .chunk(coordinates))
      #expect(layout.coordinates(key) == coordinates)
      #expect(key.count { $0 == UInt8(ascii: "/") } == layout.directoryDepth)
    }
    #expect(layout.coordinates(layout.encoding.key([3, 0, 0])) == nil)
    #expect(layout.childCount(of: [1]) == 4)
    #expect(layout.childCount(of: [1, 2, 3]) == 0)
  }

  @Test func `groups and plain arrays`() {
    #expect(NameClass.inGroup("zarr.json") == .metadata(.nodeV3))
    #expect(NameClass.inGroup("air") == .child)
    #expect(NameClass.inGroup("0") == .child)
    #expect(NameClass.inGroup(".git") == .sidecar)
    #expect(NameClass.inGroup("..") == .impossible)
    #expect(NameClass.inPlainArray("0.0") == .sidecar)
    #expect(NameClass.inPlainArray(".zattrs") == .metadata(.attributesV2))
    #expect(NameClass.inPlainArray("a/b") == .impossible)
  }

  @Test func `inner chunks and their shards`() throws {
    let shards = try #require(ShardLayout(shardShape: [4, 6], innerChunkShape: [2, 2]))
    let layout = try layout(.default(.slash), shape: [7, 13], chunks: [4, 6], shards: shards)
    let inner = try #require(layout.innerGrid)
    #expect(inner.counts == [4, 7])
    #expect(layout.grid.counts == [2, 3])
    for index in 0..<(inner.total ?? 0) {
      let coordinates = try #require(inner.coordinates(linearIndex: index))
      let place = try #require(layout.shard(ofInner: coordinates))
      #expect(layout.innerCoordinates(shard: place.shard, index: place.index) == coordinates)
    }
    #expect(try #require(layout.shard(ofInner: [3, 4])).shard == [1, 1])
    #expect(try #require(layout.shard(ofInner: [3, 4])).index == 4)
    // Beyond the edge of the array, inside the shard.
    #expect(layout.innerCoordinates(shard: [0, 2], index: 1) == nil)
    #expect(layout.innerCoordinates(shard: [0, 2], index: 6) == nil)
    #expect(layout.shard(ofInner: [4, 0]) == nil)
  }

  @Test func `an array of nearly 2^63 elements does not trap`() throws {
    let shards = try #require(ShardLayout(shardShape: [3], innerChunkShape: [1]))
    let layout = try layout(.default(.slash), shape: [.max], chunks: [3], shards: shards)
    let last: ChunkCoordinates = [layout.grid.counts[0] - 1]
    #expect(layout.innerCoordinates(shard: last, index: 0) != nil)
    #expect(layout.innerCoordinates(shard: last, index: 2) == nil)
  }
}
