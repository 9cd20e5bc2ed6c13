import FileSystem
import Objects
import Testing
import Zarr

@testable import Commands

struct TreeTests {
  /// A hierarchy in memory; counts what it is asked for.
  private struct Fake: NodeReader {
    var documents: [String: String]
    var canList = true
    /// Keys that cannot be read.
    var broken: Set<String> = []

    func document(_ document: MetadataDocument, of directory: ObjectKey) -> DocumentAnswer {
      let key = "\(directory.appending(document.name))"
      if broken.contains(key) { return .failed("\(key) is broken") }
      return documents[key].map { .found(Array($0.utf8)) } ?? .absent
    }

    func directories(in directory: ObjectKey) -> DirectoriesAnswer {
      guard canList else { return .unlisted }
      var names: Set<EntryName> = []
      for key in documents.keys where key.hasPrefix("\(directory)") {
        let parts = key.dropFirst("\(directory)".count).split(separator: "/")
        if parts.count > 1 { names.insert(EntryName(String(parts[0]))) }
      }
      return .found(names.sorted())
    }
  }

  private static let array3 = """
    {"zarr_format":3,"node_type":"array","shape":[10,20],"data_type":"float32","fill_value":0,
     "chunk_grid":{"name":"regular","configuration":{"chunk_shape":[3,20]}},
     "chunk_key_encoding":{"name":"default"},"codecs":[{"name":"bytes"},{"name":"zstd"}],"dimension_names":["t",null]}
    """
  private static let shards = """
    {"zarr_format":3,"node_type":"array","shape":[10,20],"data_type":"uint8","fill_value":0,
     "chunk_grid":{"name":"regular","configuration":{"chunk_shape":[4,20]}},
     "chunk_key_encoding":{"name":"default"},"codecs":[{"name":"sharding_indexed","configuration":{"chunk_shape":[2,10],
     "codecs":[{"name":"bytes"}],"index_codecs":[{"name":"bytes","configuration":{"endian":"little"}}]}}]}
    """
  private static let group3 = #"{"zarr_format":3,"node_type":"group"}"#
  private static let group2 = #"{"zarr_format":2}"#
  private static let array2 =
    #"{"zarr_format":2,"shape":[4],"chunks":[2],"dtype":"<i4","compressor":null,"filters":null}"#

  private func walk(_ reader: Fake) -> [TreeNode] { TreeWalk(reader: reader, jobs: 3).run() }
  private func paths(_ nodes: [TreeNode]) -> [String] { nodes.map { "\($0.path)" } }

  @Test func walksBothFormats() {
    let nodes = walk(
      Fake(documents: [
        "three/zarr.json": Self.group3, "three/a/zarr.json": Self.array3, "three/a/c/0/0": "x",
        "three/g/zarr.json": Self.group3, "three/g/s/zarr.json": Self.shards,
        "two/.zgroup": Self.group2, "two/b/.zarray": Self.array2, "two/b/.zattrs": #"{"_ARRAY_DIMENSIONS":["y"]}"#,
        "two/b/0": "x", "other/deep/file": "x",
      ]))
    #expect(paths(nodes) == ["", "three/", "three/a/", "three/g/", "three/g/s/", "two/", "two/b/"])
    #expect(nodes[6].array?.dimensionNames == ["y"])
    #expect(nodes[2].line == "array v3 float32 (t: 10, 20), chunks (3, 20), 4 chunks, bytes zstd")
    #expect(
      nodes[4].line
        == "array v3 uint8 (10, 20), chunks (2, 10), shards (4, 20), 10 chunks in 3 shards, sharding_indexed")
    let text = TreeCommand.text("s3://b/", nodes)
    #expect(text.split(separator: "\n").count == 7)
    #expect(text.hasPrefix("s3://b/  directory\n  three  "))
    #expect(text.contains("\n      s  "))
  }

  @Test func consolidatedMetadataStandsForWhatIsBelow() {
    let inline =
      #"{"zarr_format":3,"node_type":"group","consolidated_metadata":{"kind":"inline","must_understand":false,"metadata":"#
      + #"{"a":\#(Self.array3),"g":{"zarr_format":3,"node_type":"group"}}}}"#
    // Could not be listed, and need not be.
    let nodes = walk(Fake(documents: ["zarr.json": inline], canList: false))
    #expect(paths(nodes) == ["", "a/", "g/"])
    #expect(!nodes[0].isUnlisted)
    let old = #"{"zarr_consolidated_format":1,"metadata":{".zgroup":{"zarr_format":2},"b/.zarray":\#(Self.array2)}}"#
    let below = walk(Fake(documents: ["x/.zgroup": Self.group2, "x/.zmetadata": old]))
    #expect(paths(below) == ["", "x/", "x/b/"])
  }

  @Test func tellsWhatItDoesNotKnow() {
    let unlisted = walk(Fake(documents: [".zgroup": Self.group2], canList: false))
    #expect(unlisted.map(\.isUnlisted) == [true])
    let nodes = walk(
      Fake(
        documents: ["zarr.json": Self.group3, "a/zarr.json": "{", "b/zarr.json": "", "c/zarr.json": Self.array3],
        broken: ["b/zarr.json"]))
    #expect(paths(nodes) == ["", "a/", "b/", "c/"])
    #expect(nodes[1].line.contains("not JSON"))
    #expect(nodes[2].line == "unreadable: b/zarr.json is broken")
    #expect(walk(Fake(documents: ["a/b/c": "x"])).isEmpty)
  }

  @Test func namesAreShownHarmless() {
    let nodes = walk(Fake(documents: ["zarr.json": Self.group3, "a\u{1B}[2J/zarr.json": Self.group3]))
    #expect(!TreeCommand.text("x", nodes).contains("\u{1B}"))
  }

  @Test func isJSON() throws {
    let nodes = walk(Fake(documents: ["zarr.json": Self.group3, "s/zarr.json": Self.shards]))
    let rows = try #require(JSONRows.flattened(TreeCommand.json("here", nodes)))
    func value(_ name: String) -> String? { rows.first { $0.name == name }?.value }
    #expect(value("source") == "here")
    #expect(value("nodes.0.kind") == "group")
    #expect(value("nodes.1.path") == "s")
    #expect(value("nodes.1.chunk_shape.1") == "10")
    #expect(value("nodes.1.shard_shape.1") == "20")
    #expect(value("nodes.1.chunks") == "10")
    #expect(value("nodes.1.shards") == "3")
  }
}
