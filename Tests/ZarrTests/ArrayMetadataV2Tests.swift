import Objects
import Testing
import Zarr

@Suite struct ArrayMetadataV2Tests {
  func parse(_ text: String, attributes: String? = nil) throws -> ArrayMetadata {
    let node = try NodeMetadata.parse(
      .arrayV2, bytes: Array(text.utf8), attributes: attributes.map { Array($0.utf8) })
    return try #require(node.array)
  }

  /// The example of the v2 specification, section "Metadata".
  static let specification = """
    {
        "chunks": [1000, 1000],
        "compressor": {"id": "blosc", "cname": "lz4", "clevel": 5, "shuffle": 1},
        "dtype": "<f8",
        "fill_value": "NaN",
        "filters": [{"id": "delta", "dtype": "<f8", "astype": "<f4"}],
        "order": "C",
        "shape": [10000, 10000],
        "zarr_format": 2
    }
    """

  @Test func `the example of the specification`() throws {
    let array = try parse(Self.specification)
    #expect(array.format == .v2)
    #expect(array.shape == [10000, 10000])
    #expect(array.chunkShape == [1000, 1000])
    #expect(array.keyEncoding == .v2(.dot))
    #expect(array.dataType == "<f8")
    let itemSize = try #require(array.itemSize)
    #expect(itemSize == 8)
    let chunkBytes = try #require(array.chunkBytes)
    #expect(chunkBytes == 8_000_000)
    #expect(array.codecs == ["delta", "blosc"])
    #expect(array.fillValue == "NaN")
    #expect(array.dimensionNames.isEmpty)
    #expect(!array.isPlain)
    #expect(array.sharding == nil)
  }

  @Test func `dimension names come from the attributes`() throws {
    let named = try parse(Self.specification, attributes: #"{"_ARRAY_DIMENSIONS": ["y", "x"], "units": "K"}"#)
    #expect(named.dimensionNames == ["y", "x"])
    #expect(try parse(Self.specification, attributes: #"{"_ARRAY_DIMENSIONS": ["y"]}"#).dimensionNames.isEmpty)
    #expect(try parse(Self.specification, attributes: "not JSON").dimensionNames.isEmpty)
  }

  @Test func `separators`() throws {
    func array(_ member: String) throws -> ArrayMetadata {
      try parse(#"{"zarr_format":2,"shape":[4],"chunks":[2],"dtype":"|u1"\#(member)}"#)
    }
    #expect(try array("").keyEncoding == .v2(.dot))
    #expect(try array(#","dimension_separator":"/""#).keyEncoding == .v2(.slash))
    #expect(try array(#","dimension_separator":".""#).keyEncoding == .v2(.dot))
    #expect(try array(#","dimension_separator":null"#).keyEncoding == .v2(.dot))
    #expect(try array(#","dimension_separator":"-""#).isPlain)
    #expect(throws: MetadataError.invalid(member: "dimension_separator")) { try array(#","dimension_separator":1"#) }
  }

  @Test func `fill values and unknown members do not matter`() throws {
    let huge = "1" + String(repeating: "0", count: 400)
    let array = try parse(
      #"{"zarr_format":2,"shape":[4],"chunks":[2],"dtype":"<f4","fill_value":\#(huge),"future":{"a":[]}}"#)
    #expect(array.fillValue == huge)
    let bare = try parse(#"{"zarr_format":2,"shape":[],"chunks":[],"dtype":"<f4","fill_value":NaN}"#)
    #expect(bare.fillValue == "NaN")
    #expect(!bare.isPlain)
  }

  @Test(
    arguments: [
      ("\"<f4\"", 4), ("\"|b1\"", 1), ("\"|S10\"", 10), ("\"<U5\"", 20), ("\"<M8[ns]\"", 8), ("\"|V16\"", 16),
      ("\"|O\"", nil),
      ("\"<f99999999999999999999\"", nil), ("\"<U9223372036854775807\"", nil), ("7", nil),
      (#"[["r","|u1"],["g","|u1",[2,3]],["b","<f4",2]]"#, 15), (#"[["a","|O"]]"#, nil), (#"[["a"]]"#, nil),
    ] as [(String, Int64?)])
  func `item sizes`(type: String, size: Int64?) throws {
    let array = try parse(#"{"zarr_format":2,"shape":[4],"chunks":[2],"dtype":\#(type)}"#)
    let same = array.itemSize == size
    #expect(same)
  }

  @Test(arguments: [
    #"{"shape":[4],"chunks":[2]}"#,
    #"{"zarr_format":1,"shape":[4],"chunks":[2]}"#,
    #"{"zarr_format":3,"shape":[4],"chunks":[2]}"#,
    #"{"zarr_format":2,"chunks":[2]}"#,
    #"{"zarr_format":2,"shape":[4]}"#,
    #"{"zarr_format":2,"shape":[4],"chunks":[2,2]}"#,
    #"{"zarr_format":2,"shape":[4],"chunks":[0]}"#,
    #"{"zarr_format":2,"shape":[4],"chunks":[-2]}"#,
    #"{"zarr_format":2,"shape":[-4],"chunks":[2]}"#,
    #"{"zarr_format":2,"shape":[4.5],"chunks":[2]}"#,
    #"{"zarr_format":2,"shape":[99999999999999999999],"chunks":[2]}"#,
    #"{"zarr_format":2,"shape":"4","chunks":[2]}"#,
    "[]", "null", "2", "\"zarr\"",
  ])
  func `documents that contradict themselves are refused`(text: String) {
    #expect(throws: MetadataError.self) { try parse(text) }
  }

  @Test func `ranks above 32 are plain`() throws {
    func array(rank: Int) throws -> ArrayMetadata {
      let ones = "[" + [String](repeating: "1", count: rank).joined(separator: ",") + "]"
      return try parse(#"{"zarr_format":2,"shape":\#(ones),"chunks":\#(ones),"dtype":"|u1"}"#)
    }
    #expect(try !array(rank: 32).isPlain)
    #expect(try array(rank: 33).isPlain)
  }

  @Test func `coordinates are named as their dimension`() throws {
    let line = #"{"zarr_format":2,"shape":[4],"chunks":[2],"dtype":"<f8"}"#
    let time = try parse(line, attributes: #"{"_ARRAY_DIMENSIONS": ["time"]}"#)
    #expect(time.isCoordinate(at: "time/"))
    #expect(time.isCoordinate(at: "a/b/time/"))
    #expect(time.isCoordinate(at: "a/time"))
    #expect(!time.isCoordinate(at: "a/times/"))
    #expect(!time.isCoordinate(at: .root))
    #expect(try !parse(line).isCoordinate(at: "time/"))
    #expect(try !parse(line, attributes: #"{"_ARRAY_DIMENSIONS": [""]}"#).isCoordinate(at: .root))
    let plane = try parse(Self.specification, attributes: #"{"_ARRAY_DIMENSIONS": ["y", "x"]}"#)
    #expect(!plane.isCoordinate(at: "y/"))
  }

  @Test func `groups`() throws {
    let group = try NodeMetadata.parse(.groupV2, bytes: Array(#"{"zarr_format": 2}"#.utf8))
    #expect(group == .group(GroupMetadata(format: .v2)))
    #expect(throws: MetadataError.unknownFormat) { try NodeMetadata.parse(.groupV2, bytes: Array("{}".utf8)) }
    #expect(throws: MetadataError.self) { try NodeMetadata.parse(.attributesV2, bytes: Array("{}".utf8)) }
  }
}
