import Fetch
import FileSystem
import ObjectStorage
import Objects
import Platform
import TestSupport
import Testing

/// `--freshness` (docs/decisions/008): an array `a` of four chunks, one of them absent.
@Suite struct FreshnessTests {
  private static let chunks = ["a/c/0", "a/c/1", "a/c/2"]

  private static func document(_ length: Int) -> String {
    """
    {"zarr_format": 3, "node_type": "array", "shape": [\(length)], "data_type": "uint8", "fill_value": 0,
     "chunk_grid": {"name": "regular", "configuration": {"chunk_shape": [10]}},
     "chunk_key_encoding": {"name": "default", "configuration": {"separator": "/"}},
     "codecs": [{"name": "bytes"}]}
    """
  }

  private func world(_ policy: FreshnessPolicy, stale: Bool = true) -> World {
    World(configuration: NamesConfiguration(policy: policy, servesStaleOnError: stale), knowsZarr: true) { store in
      store.put("a/zarr.json", Self.document(40))
      for chunk in Self.chunks { store.put(ObjectKey(chunk), "bytes of \(chunk)") }
      store.put("a/notes.txt", "beside")
    }
  }

  /// As a reader does: the document, then the chunks.
  private func readAll(_ world: World) -> [String?] {
    let document = world.walk("a/zarr.json").flatMap { world.text($0.inode) }
    #expect(document != nil)
    return Self.chunks.map { chunk in world.walk(chunk).flatMap { world.text($0.inode) } }
  }

  private static var expected: [String?] { chunks.map { "bytes of \($0)" } }

  private func expectAsked(
    _ world: World, _ expected: [String], sourceLocation: SourceLocation = #_sourceLocation
  ) {
    let asked = world.store.requests.map { "\($0.kind) \($0.key)" }.sorted()
    #expect(asked == expected.sorted(), sourceLocation: sourceLocation)
  }

  // MARK: object

  @Test func eachObjectIsAskedAgain() {
    let world = world(.object)
    #expect(readAll(world) == Self.expected)
    world.time.advance(by: .seconds(61))
    world.store.resetCounts()
    #expect(readAll(world) == Self.expected)
    for chunk in Self.chunks { #expect(world.store.count(.head, ObjectKey(chunk)) == 1) }
    #expect(world.store.count(.get) == 0)
  }

  // MARK: metadata

  @Test func theDocumentIsAskedForAllItsChunks() {
    let world = world(.metadata)
    #expect(readAll(world) == Self.expected)
    for _ in 0..<3 {
      world.time.advance(by: .seconds(61))
      world.store.resetCounts()
      #expect(readAll(world) == Self.expected)
      expectAsked(world, ["head a/zarr.json"])
    }
    #expect(world.names.counters[.vouchedAnswers] >= 9)
  }

  @Test func theKernelMayKeepAChunkAsLongAsItsDocument() throws {
    let world = world(.metadata)
    _ = readAll(world)
    world.time.advance(by: .seconds(61))
    let array = try #require(world.lookup("a").inode)
    #expect(world.lookup("zarr.json", in: array).valid == .seconds(60))
    world.time.advance(by: .seconds(25))
    let chunks = try #require(world.lookup("c", in: array).inode)
    #expect(world.lookup("0", in: chunks).valid == .seconds(35))
  }

  @Test func aRemountAsksTheDocumentFirst() {
    let world = world(.metadata)
    #expect(readAll(world) == Self.expected)
    world.time.advance(by: .seconds(61))
    world.remount()
    world.store.resetCounts()
    // Nobody has read the document in this mount.
    #expect(world.walk("a/c/0").flatMap { world.text($0.inode) } == "bytes of a/c/0")
    expectAsked(world, ["head a/zarr.json"])
    #expect(readAll(world) == Self.expected)
    expectAsked(world, ["head a/zarr.json"])
  }

  /// The hole: documented in docs/semantics.md.
  @Test func aChunkRewrittenInPlaceIsNotSeen() {
    let world = world(.metadata)
    _ = readAll(world)
    world.store.put("a/c/1", "rewritten")
    world.time.advance(by: .seconds(61))
    #expect(readAll(world) == Self.expected)
    world.store.put("a/zarr.json", Self.document(40))
    world.time.advance(by: .seconds(61))
    #expect(readAll(world)[1] == "rewritten")
  }

  @Test func aGrownArrayKeepsItsBytes() {
    let world = world(.metadata)
    _ = readAll(world)
    world.store.put("a/zarr.json", Self.document(60))
    world.store.put("a/c/5", "new")
    world.time.advance(by: .seconds(61))
    world.store.resetCounts()
    #expect(readAll(world) == Self.expected)
    // Each once, under the new document; the bodies are near.
    for chunk in Self.chunks {
      #expect(world.store.count(.head, ObjectKey(chunk)) == 1)
      #expect(world.store.count(.get, ObjectKey(chunk)) == 0)
    }
    #expect(world.walk("a/c/5").flatMap { world.text($0.inode) } == "new")
    world.time.advance(by: .seconds(61))
    world.store.resetCounts()
    #expect(readAll(world) == Self.expected)
    #expect(world.walk("a/c/5").flatMap { world.text($0.inode) } == "new")
    expectAsked(world, ["head a/zarr.json"])
  }

  /// A document that came late says nothing of what was heard while it was on its way.
  @Test func aLateDocumentDoesNotVouchBackwards() throws {
    let world = world(.metadata)
    let array = try #require(world.walk("a")?.inode)
    let chunks = try #require(world.walk("a/c")?.inode)
    world.store.hold("a/zarr.json")
    let (document, _) = world.begin("zarr.json", in: array)
    world.time.advance(by: .seconds(2))
    #expect(world.list(chunks) == ["0", "1", "2"])
    world.time.advance(by: .seconds(3))
    world.store.release()
    let inode = try #require(document.wait().inode)
    #expect(world.text(inode) == Self.document(40))
    for asked in [1, 0] {
      world.time.advance(by: .seconds(61))
      world.store.resetCounts()
      #expect(readAll(world) == Self.expected)
      for chunk in Self.chunks { #expect(world.store.count(.head, ObjectKey(chunk)) == asked) }
    }
  }

  @Test func absencesFollowTheTimeToLive() {
    let world = world(.metadata)
    _ = readAll(world)
    #expect(world.walk("a/c/3") == nil)
    world.store.put("a/c/3", "filled in")
    world.time.advance(by: .seconds(61))
    _ = readAll(world)
    #expect(world.walk("a/c/3").flatMap { world.text($0.inode) } == "filled in")
  }

  @Test func whatIsNoChunkIsAskedForItself() {
    let world = world(.metadata)
    _ = readAll(world)
    #expect(world.walk("a/notes.txt").flatMap { world.text($0.inode) } == "beside")
    world.store.put("a/notes.txt", "changed")
    world.time.advance(by: .seconds(61))
    _ = readAll(world)
    #expect(world.walk("a/notes.txt").flatMap { world.text($0.inode) } == "changed")
  }

  @Test func withoutItsDocumentAChunkIsAskedForItself() {
    let world = world(.metadata)
    _ = readAll(world)
    world.store.remove("a/zarr.json")
    world.store.put("a/c/0", "another")
    world.time.advance(by: .seconds(61))
    #expect(world.walk("a/c/0").flatMap { world.text($0.inode) } == "another")
  }

  @Test func anUnansweredDocumentDoesNotVouch() throws {
    let world = world(.metadata, stale: false)
    _ = readAll(world)
    world.time.advance(by: .seconds(61))
    world.store.setOutage(.failing(InMemoryStore.unavailable))
    let before = world.names.counters[.vouchedAnswers]
    // The document still says that `a` is a directory; what is in it cannot be found out.
    #expect(world.lookup("a").attributes?.isDirectory == true)
    let poisoned = try #require(world.walk("a/c/0")?.inode)
    #expect(world.read(poisoned) == .failure(.inputOutput))
    #expect(world.names.counters[.vouchedAnswers] == before)
  }

  @Test func aDeadRemoteIsServedStale() {
    let world = world(.metadata)
    _ = readAll(world)
    world.time.advance(by: .seconds(61))
    world.store.setOutage(.failing(InMemoryStore.unavailable))
    #expect(readAll(world) == Self.expected)
    #expect(world.names.counters[.staleServed] > 0)
  }

  // MARK: immutable

  @Test func whatWasSeenIsNeverAskedAgain() {
    let world = world(.immutable)
    #expect(readAll(world) == Self.expected)
    world.store.put("a/c/0", "never seen")
    world.time.advance(by: .seconds(86_400))
    world.store.resetCounts()
    #expect(readAll(world) == Self.expected)
    world.remount()
    #expect(readAll(world) == Self.expected)
    expectAsked(world, [])
  }

  @Test func whatWasAbsentIsAskedAgain() {
    let world = world(.immutable)
    _ = readAll(world)
    #expect(world.walk("a/c/3") == nil)
    world.store.put("a/c/3", "filled in")
    world.time.advance(by: .seconds(61))
    #expect(world.walk("a/c/3").flatMap { world.text($0.inode) } == "filled in")
  }

  @Test(arguments: [FreshnessPolicy.metadata, .immutable]) func whatTheRemoteDeniedIsAskedAgain(
    policy: FreshnessPolicy
  ) throws {
    let world = world(policy)
    _ = readAll(world)
    let old = try #require(world.walk("a/c/0")?.inode)
    world.store.put("a/c/0", "replaced while the old bytes are gone")
    _ = world.names.evict(old, isDirectory: false)
    #expect(world.read(old) == .failure(.stale))
    #expect(world.walk("a/c/0").flatMap { world.text($0.inode) } == "replaced while the old bytes are gone")
  }
}
