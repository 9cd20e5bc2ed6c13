import Objects
import Testing
import Zarr

@Suite struct ArrayMetadataV3Tests {
  static func document(
    shape: String = "[10000, 1000]", chunks: String = "[1000, 100]", codecs: String = #"[{"name":"bytes"}]"#,
    more: String = ""
  ) -> String {
    """
    {"zarr_format": 3, "node_type": "array", "shape": \(shape), "dimension_names": ["rows", "columns"],
     "data_type": "float64", "chunk_grid": {"name": "regular", "configuration": {"chunk_shape": \(chunks)}},
     "codecs": \(codecs), "fill_value": "NaN", "attributes": {"foo": 42}\(more)}
    """
  }

  func parse(_ text: String) throws -> ArrayMetadata {
    try #require(try NodeMetadata.parse(.nodeV3, bytes: Array(text.utf8)).array)
  }

  static func sharded(
    inner: String = "[100, 50]", codecs: String = #"[{"name":"bytes"},{"name":"zstd"}]"#,
    index: String = #"[{"name":"bytes","configuration":{"endian":"little"}},{"name":"crc32c"}]"#, more: String = "",
    around: (String, String) = ("", "")
  ) -> String {
    document(
      codecs: """
        [\(around.0){"name": "sharding_indexed", "configuration": {"chunk_shape": \(inner), "codecs": \(codecs),
        "index_codecs": \(index)\(more)}}\(around.1)]
        """)
  }

  /// After the example of the core specification, "Array metadata".
  @Test func `the example of the specification`() throws {
    let array = try parse(
      Self.document(
        codecs: #"[{"name":"bytes","configuration":{"endian":"little"}},{"name":"gzip","configuration":{"level":1}}]"#,
        more: #", "chunk_key_encoding": {"name": "default", "configuration": {"separator": "/"}}"#))
    #expect(array.format == .v3)
    #expect(array.shape == [10000, 1000])
    #expect(array.chunkShape == [1000, 100])
    #expect(array.keyEncoding == .default(.slash))
    #expect(array.dataType == "float64")
    #expect(array.codecs == ["bytes", "gzip"])
    #expect(array.dimensionNames == ["rows", "columns"])
    #expect(array.fillValue == "NaN")
    let bytes = try #require(array.chunkBytes)
    #expect(bytes == 800_000)
    #expect(!array.isPlain)
    #expect(array.innerChunkShape == nil)
  }

  @Test(
    arguments: [
      (#""default""#, .default(.slash)), (#"{"name":"default"}"#, .default(.slash)),
      (#"{"name":"default","configuration":{"separator":"."}}"#, .default(.dot)),
      (#"{"name":"v2"}"#, .v2(.dot)), (#"{"name":"v2","configuration":{"separator":"/"}}"#, .v2(.slash)),
      (#"{"name":"hilbert"}"#, nil), (#"{"name":"default","configuration":{"separator":"x"}}"#, nil),
    ] as [(String, ChunkKeyEncoding?)])
  func `chunk key encodings`(text: String, encoding: ChunkKeyEncoding?) throws {
    let array = try parse(Self.document(more: #", "chunk_key_encoding": \#(text)"#))
    #expect(array.keyEncoding == encoding)
    #expect(array.isPlain == (encoding == nil))
  }

  @Test func `what is not known makes an array plain, not wrong`() throws {
    let grid = try parse(
      #"""
      {"zarr_format":3,"node_type":"array","shape":[10],"data_type":"int8","codecs":["bytes"],"fill_value":0,
       "chunk_grid":{"name":"rectilinear","configuration":{"chunk_shapes":[[4,6]]}}}
      """#)
    #expect(grid.isPlain)
    #expect(grid.shape == [10])
    #expect(try parse(Self.document(more: #", "future": {"must_understand": true}"#)).isPlain)
    #expect(try parse(Self.document(more: #", "future": 7"#)).isPlain)
    #expect(try !parse(Self.document(more: #", "future": {"must_understand": false}"#)).isPlain)
    #expect(try !parse(Self.document(more: #", "storage_transformers": [], "future": null"#)).isPlain)
    #expect(try parse(Self.document(more: #", "storage_transformers": [{"name": "x"}]"#)).isPlain)
    // An unknown codec moves no key.
    let codec = try parse(Self.document(codecs: #"[{"name":"bytes"},{"name":"numcodecs.lzma"},"imagecodecs_x"]"#))
    #expect(!codec.isPlain)
    #expect(codec.codecs == ["bytes", "numcodecs.lzma", "imagecodecs_x"])
  }

  @Test func `shards`() throws {
    let array = try parse(Self.sharded())
    let layout = try #require(array.sharding)
    #expect(array.chunkShape == [1000, 100])
    #expect(array.innerChunkShape == [100, 50])
    #expect(layout.counts == [10, 2])
    #expect(layout.total == 20)
    #expect(layout.indexSize == 324)
    #expect(layout.hasChecksum && !layout.indexAtStart && !layout.isBigEndian)
    let names = try #require(array.layout)
    #expect(names.innerGrid?.counts == [100, 20])

    let start = try #require(
      try parse(Self.sharded(index: #"["bytes"]"#, more: #","index_location":"start""#)).sharding)
    #expect(start.indexAtStart && !start.hasChecksum)
    let early = try parse(Self.sharded(index: #"[{"name":"endian","configuration":{"endian":"big"}}]"#)).sharding
    #expect(try #require(early).isBigEndian)
  }

  @Test func `shards that are read as plain ranges`() throws {
    let nested = #"[{"name":"sharding_indexed","configuration":{"chunk_shape":[10,10]}}]"#
    for text in [
      Self.sharded(codecs: nested), Self.sharded(index: #"[{"name":"bytes"},{"name":"gzip"}]"#),
      Self.sharded(index: #"[{"name":"crc32c"},{"name":"bytes"}]"#), Self.sharded(index: "[]"),
      Self.sharded(more: #","index_location":"middle""#), Self.sharded(around: ("", #",{"name":"gzip"}"#)),
      Self.sharded(around: (#"{"name":"transpose","configuration":{"order":[1,0]}},"#, "")),
    ] {
      let array = try parse(text)
      #expect(array.sharding == nil)
      #expect(!array.isPlain)
    }
    for inner in ["[100]", "[0, 50]", "[300, 50]", "[-100, 50]", "\"a\"", "null"] {
      #expect(throws: MetadataError.self) { try parse(Self.sharded(inner: inner)) }
    }
  }

  @Test(
    arguments: [
      ("\"bool\"", 1), ("\"float16\"", 2), ("\"int32\"", 4), ("\"complex64\"", 8), ("\"complex128\"", 16),
      ("\"r24\"", 3),
      ("\"r7\"", nil), ("\"string\"", nil), (#"{"name":"numpy.datetime64","configuration":{"unit":"ns"}}"#, 8),
      (#"{"name":"fixed_length_utf32","configuration":{"length_bytes":40}}"#, 40), ("3", nil),
    ] as [(String, Int64?)])
  func `item sizes`(type: String, size: Int64?) throws {
    let text = Self.document().replacing(#""float64""#, with: type)
    let same = try parse(text).itemSize == size
    #expect(same)
  }

  @Test(arguments: [
    document(chunks: "[1000]"), document(chunks: "[0, 1]"), document(chunks: "[-1, 1]"), document(shape: "[1, -1]"),
    document(shape: "null"), document(codecs: "{}"),
    document().replacing(#""zarr_format": 3"#, with: #""zarr_format": 2"#),
    document().replacing(#""array""#, with: #""table""#),
    document().replacing("regular", with: "regular\",\"name\":1,\"x\":\""),
    document(more: #", "chunk_key_encoding": 1"#),
    document(more: #", "chunk_key_encoding": {"name":"default","configuration":{"separator":1}}"#),
  ])
  func `documents that contradict themselves are refused`(text: String) {
    #expect(throws: MetadataError.self) { try parse(text) }
  }
}
