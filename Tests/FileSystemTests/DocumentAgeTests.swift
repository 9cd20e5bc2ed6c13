import Fetch
import FileSystem
import Objects
import Platform
import TestSupport
import Testing

/// For how long an array's document tells which chunks there cannot be: no longer than it would be believed itself.
@Suite struct DocumentAgeTests {
  private static func document(_ length: Int) -> String {
    """
    {"zarr_format": 3, "node_type": "array", "shape": [\(length)], "data_type": "uint8", "fill_value": 0,
     "chunk_grid": {"name": "regular", "configuration": {"chunk_shape": [10]}},
     "chunk_key_encoding": {"name": "default", "configuration": {"separator": "/"}},
     "codecs": [{"name": "bytes"}]}
    """
  }

  private let world = World(knowsZarr: true) { store in
    store.put("a/zarr.json", document(40))
    store.put("a/c/0", "first")
  }

  private func text(_ path: String) -> String? { world.walk(path).flatMap { world.text($0.inode) } }

  private func grow() {
    world.store.put("a/zarr.json", Self.document(60))
    world.store.put("a/c/5", "new")
  }

  @Test func `a version that was replaced says nothing when it is read again`() throws {
    let old = try #require(world.walk("a/zarr.json")?.inode)
    #expect(world.text(old) == Self.document(40))
    #expect(world.walk("a/c/5") == nil)
    grow()
    world.time.advance(by: .seconds(61))
    #expect(text("a/zarr.json") == Self.document(60))
    // Somebody has held it open all the time.
    #expect(world.text(old) == Self.document(40))
    #expect(text("a/c/5") == "new")
  }

  @Test func `reading it again makes it no younger`() {
    #expect(text("a/zarr.json") == Self.document(40))
    world.time.advance(by: .seconds(50))
    #expect(text("a/zarr.json") == Self.document(40))
    grow()
    #expect(world.walk("a/c/5") == nil, "it is believed for ten seconds more")
    world.time.advance(by: .seconds(11))
    #expect(text("a/c/5") == "new")
  }

  @Test func `one from the future is of no age`() {
    #expect(text("a/zarr.json") == Self.document(40))
    grow()
    world.time.setBack(by: .seconds(3600))
    #expect(text("a/c/5") == "new")
  }
}
