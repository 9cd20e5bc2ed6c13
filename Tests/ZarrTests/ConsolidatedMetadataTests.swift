import Objects
import Testing
import Zarr

@Suite struct ConsolidatedMetadataTests {
  static let v2 = #"""
    {"zarr_consolidated_format": 1, "metadata": {
      ".zattrs": {"title": "x"},
      ".zgroup": {"zarr_format": 2},
      "air/.zarray": {"zarr_format": 2, "shape": [375, 180, 360], "chunks": [15, 45, 72], "dtype": "<f4",
        "fill_value": NaN, "compressor": null, "filters": null, "order": "C"},
      "air/.zattrs": {"_ARRAY_DIMENSIONS": ["time", "lat", "lon"]},
      "time/.zarray": {"zarr_format": 2, "shape": [375], "chunks": [375], "dtype": "<i8", "dimension_separator": "/"},
      "time/.zattrs": {"_ARRAY_DIMENSIONS": ["time"]},
      "sub/.zgroup": {"zarr_format": 2},
      "sub/bad/.zarray": {"zarr_format": 2, "shape": [1], "chunks": []},
      "../../etc/.zgroup": {"zarr_format": 2},
      "/.zgroup": {"zarr_format": 2},
      "a//b/.zgroup": {"zarr_format": 2},
      "sub/README": {}
    }}
    """#

  @Test func `zmetadata of v2`() throws {
    let all = try ConsolidatedMetadata.parse(Array(Self.v2.utf8))
    #expect(all.format == .v2)
    #expect(all.nodes.map(\.path) == ["", "air/", "sub/", "time/"])
    #expect(all.nodes[0].metadata == .group(GroupMetadata(format: .v2)))
    let air = try #require(all.nodes[1].metadata.array)
    #expect(air.dimensionNames == ["time", "lat", "lon"])
    #expect(air.layout?.grid.counts == [25, 4, 5])
    let time = try #require(all.nodes[3].metadata.array)
    #expect(time.isCoordinate(at: all.nodes[3].path))
    #expect(time.keyEncoding == .v2(.slash))
    #expect(
      all.documents == [
        ".zattrs", ".zgroup", "air/.zarray", "air/.zattrs", "sub/.zgroup", "sub/bad/.zarray", "time/.zarray",
        "time/.zattrs",
      ])
    #expect(all.skipped == 5)
  }

  @Test func `inline metadata of v3`() throws {
    let array = ArrayMetadataV3Tests.document()
    let group = #"{"zarr_format":3,"node_type":"group","consolidated_metadata":{"metadata":{"z":\#(array)}}}"#
    let text = #"""
      {"zarr_format": 3, "node_type": "group", "attributes": {},
       "consolidated_metadata": {"kind": "inline", "must_understand": false, "metadata": {
         "air": \#(array), "sub": \#(group), "sub/deep": \#(array), "bad": {"zarr_format": 3}, "..": \#(group)}}}
      """#
    let node = try NodeMetadata.parse(.nodeV3, bytes: Array(text.utf8))
    let all = try #require(node.group?.consolidated)
    #expect(all.format == .v3)
    #expect(all.nodes.map(\.path) == ["air/", "sub/", "sub/deep/"])
    #expect(all.nodes[1].metadata.group?.consolidated == nil)
    #expect(all.documents == ["air/zarr.json", "sub/deep/zarr.json", "sub/zarr.json"])
    #expect(all.skipped == 2)
  }

  @Test func `a group without it, or with one that is not understood`() throws {
    for inline in ["null", #"{"kind":"inline"}"#, #"{"kind":"remote","metadata":{}}"#, "7", #"{"metadata":[]}"#] {
      let text = #"{"zarr_format":3,"node_type":"group","consolidated_metadata":\#(inline)}"#
      let node = try NodeMetadata.parse(.nodeV3, bytes: Array(text.utf8))
      #expect(node == .group(GroupMetadata(format: .v3)))
    }
    for text in ["{}", #"{"zarr_consolidated_format":2,"metadata":{}}"#, #"{"zarr_consolidated_format":1}"#, "[]", ""] {
      #expect(throws: MetadataError.self) { try ConsolidatedMetadata.parse(Array(text.utf8)) }
    }
  }

  @Test func `thousands of arrays`() throws {
    var text = #"{"zarr_consolidated_format":1,"metadata":{".zgroup":{"zarr_format":2}"#
    for index in 0..<2000 {
      text += #","v\#(index)/.zarray":{"zarr_format":2,"shape":[\#(index)],"chunks":[7],"dtype":"<f4"}"#
    }
    text += "}}"
    let all = try ConsolidatedMetadata.parse(Array(text.utf8))
    #expect(all.nodes.count == 2001)
    #expect(all.skipped == 0)
  }

  @Test(arguments: MetadataDocument.allCases)
  func `documents are known by name`(document: MetadataDocument) {
    #expect(MetadataDocument(name: document.name) == document)
    #expect(MetadataDocument(bytes: Array(document.name.bytes.dropLast())) == nil)
    #expect(MetadataDocument(bytes: document.name.bytes.map { $0 ^ 0x20 }) == nil)
  }
}
