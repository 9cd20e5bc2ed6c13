import Fetch
import FileSystem
import Foundation
import ObjectStorage
import Objects
import Platform
import TestSupport
import Testing

@Suite struct NamesTests {
  @Test func theDirectoryWinsOverTheObject() throws {
    let world = World { store in
      store.put("a", "object")
      store.put("a-b", "1")
      store.put("a/b", "1")
    }
    #expect(world.lookup("a").attributes?.isDirectory == true)
    #expect(world.list() == ["a-b", "a/"])
    #expect(world.walk("a/b")?.size == 1)
  }

  @Test func markersMakeDirectories() throws {
    let world = World { store in
      store.put("empty/", "")
      store.put("d/", "")
      store.put("d/a", "1")
    }
    #expect(world.list() == ["d/", "empty/"])
    let empty = try #require(world.lookup("empty").attributes)
    #expect(empty.isDirectory)
    #expect(world.list(empty.inode) == [])
    let directory = try #require(world.lookup("d").inode)
    #expect(world.list(directory) == ["a"])
  }

  /// The page that the check at mount brought tells of directories; a file that it shows may be replaced since.
  @Test func directoriesOfTheRootAreKnownFromTheMount() throws {
    let world = World { store in
      store.put("store/.zgroup", "{}")
      store.put("file", "1")
    }
    let page = ListPage(
      objects: [.init(key: "file", version: ObjectVersion(tag: EntityTag("\"old\""), size: 9, modified: 0))],
      prefixes: ["store/", "/"], continuation: "more")
    world.names.note(rootPage: page, at: world.time.now())
    #expect(world.lookup("store").attributes?.isDirectory == true)
    #expect(world.store.requestCount == 0)
    #expect(world.lookup("file").attributes?.size == 1)
    #expect(world.lookup("nothing").isAbsent)
    world.time.advance(by: world.configuration.timeToLive)
    #expect(world.store.remove("store/.zgroup"))
    #expect(world.lookup("store").isAbsent)
  }

  /// A page without keys is no answer while more follows (promise 2).
  @Test func emptyPagesAreNoAbsence() throws {
    let world = World { $0.put("d/a", "1") }
    world.store.setEmptyPages(3)
    #expect(world.lookup("d").attributes?.isDirectory == true)
    #expect(world.lookup("e").isAbsent)
    // A server that never gets to the point is no answer either.
    world.store.setEmptyPages(.max)
    let unknown = try #require(world.lookup("f").inode)
    #expect(world.read(unknown) == .failure(.inputOutput))
    world.store.setEmptyPages(3)
    #expect(world.list() == ["d/"])
  }

  @Test func unpresentableNamesAreHiddenAndCounted() {
    let long = String(repeating: "x", count: 256)
    let world = World { store in
      store.put("/a", "1")
      store.put("b", "1")
      store.put("../c", "1")
      store.put(ObjectKey(long), "1")
      store.put(ObjectKey(bytes: [0xFF, 0xFE]), [1])
    }
    #expect(world.list()?.count == 2)
    #expect(world.names.counters[.hiddenNames] == 3)
    #expect(world.lookup(EntryName(bytes: [0xFF, 0xFE])).attributes?.size == 1)
    world.store.resetCounts()
    guard case .failed(.nameTooLong) = world.lookup(EntryName(long)) else {
      Issue.record("a name that is too long is refused")
      return
    }
    #expect(world.store.requestCount == 0)
  }

  @Test func attributesAreThoseOfTheObject() throws {
    let world = World { $0.put("a", Array("12345".utf8), modified: 1_700_000_000_123) }
    guard case .found(let file, _, let valid) = world.lookup("a") else { fatalError() }
    #expect(valid == .infinite)
    #expect(file.size == 5)
    #expect(file.modified == 1_700_000_000_123)
    #expect(file.permissions == 0o444)
    #expect(file.owner == 7 && file.group == 8)
    #expect(try world.attributes(file.inode).get() == file)
    #expect(try world.attributes(.root).get().permissions == 0o555)
    #expect(world.attributes(InodeNumber(999_999)).error == .stale)
  }

  @Test func openingForWritingIsRefused() throws {
    let world = World { $0.put("d/a", "1") }
    let directory = try #require(world.lookup("d").inode)
    let file = try #require(world.lookup("a", in: directory).inode)
    #expect(world.fileSystem.checkOpen(file, forWriting: true) == .readOnly)
    #expect(world.fileSystem.checkOpen(file, forWriting: false) == nil)
    #expect(world.fileSystem.checkOpen(directory, forWriting: false) == .isDirectory)
    #expect(world.read(directory) == .failure(.isDirectory))
    guard case .failed(.notDirectory) = world.lookup("x", in: file) else {
      Issue.record("a file has no names below")
      return
    }
    #expect(world.open(file).error == .notDirectory)
  }

  @Test func aFileThatBecameADirectoryIsFound() throws {
    let world = World { $0.put("a", "1") }
    #expect(world.lookup("a").attributes?.isDirectory == false)
    world.store.remove("a")
    world.store.put("a/b", "1")
    world.time.advance(by: .seconds(61))
    #expect(world.lookup("a").attributes?.isDirectory == true)
    world.store.remove("a/b")
    world.store.put("a", "1")
    world.time.advance(by: .seconds(61))
    #expect(world.lookup("a").attributes?.isDirectory == false)
  }
}

/// Answers what it is told to.
private final class ScriptedOracle: NameOracle {
  private let judgements: [EntryName: NameJudgement]
  let documents = Monitor<[String]>([])

  init(_ judgements: [EntryName: NameJudgement]) { self.judgements = judgements }

  func judge(_ name: EntryName, in directory: DirectoryReference) -> Advice { Advice(judgements[name] ?? .ask) }

  func noteDocument(_ key: ObjectKey, _ bytes: UnsafeRawBufferPointer, validated: WallTime) -> [Ahead] {
    documents.withLockNotifying { $0.append("\(key)=\(String(decoding: bytes, as: UTF8.self))") }
    return []
  }

  func isNamed(_ directory: ObjectKey) -> Bool { directory == "air/" }
  func noteRead(_ key: ObjectKey) -> [Ahead] { [] }
  func document(of key: ObjectKey) -> DocumentPlace? { nil }
  func noteAbsent(_ key: ObjectKey) {}
  func noteFailed(_ key: ObjectKey) {}
  func noteListed(_ array: ObjectKey, _ keys: [ObjectKey]?, at asked: WallTime) {}
}

@Suite struct OracleTests {
  /// Consolidated metadata told of the array before anything was heard of its directory.
  @Test func aDirectoryByTheHierarchyIsNoPoisonedFile() throws {
    let world = World(oracle: ScriptedOracle([:])) { $0.put("air/0.0", "1") }
    world.store.setOutage(.failing(InMemoryStore.unavailable))
    let air = try #require(world.lookup("air").attributes)
    #expect(air.isDirectory)
    let chunk = try #require(world.lookup("0.0", in: air.inode).inode)
    #expect(world.read(chunk) == .failure(.inputOutput))
    let other = try #require(world.lookup("lat").attributes)
    #expect(!other.isDirectory)
    // Believed by nobody: asked again as soon as somebody answers.
    world.store.setOutage(nil)
    world.store.remove("air/0.0")
    for _ in 0..<5 where !world.lookup("air").isAbsent {
      world.time.advance(by: .seconds(2))
      _ = world.lookup("air")
      _ = world.store.headAndWait("anything")
    }
    #expect(world.lookup("air").isAbsent)
  }

  @Test func judgementsSaveRequests() throws {
    let oracle = ScriptedOracle([
      "c": .directory, "0.0": .askByGet(.chunk), "0.1": .askByGet(.chunk),
      "9.9": .absent(since: ManualTimeSource().now()),
    ])
    let world = World(oracle: oracle) { store in
      store.put("0.0", "chunk")
      store.put("c/0", "1")
      store.put("zarr.json", "{}")
    }
    let byConstruction = try #require(world.lookup("c").attributes)
    #expect(byConstruction.isDirectory)
    #expect(world.lookup("9.9").isAbsent)
    world.time.advance(by: .seconds(61))
    #expect(world.lookup("c").attributes == byConstruction)
    #expect(world.store.requestCount == 0)
    let chunk = try #require(world.lookup("0.0").attributes)
    #expect(chunk.size == 5)
    #expect(world.text(chunk.inode) == "chunk")
    #expect(world.lookup("0.1").isAbsent)
    #expect(world.lookup("0.1").isAbsent)
    #expect(world.store.count(.get) == 2)
    #expect(world.store.requestCount == 2)
    let document = try #require(world.lookup("zarr.json").inode)
    #expect(world.text(document) == "{}")
    // The reader has its bytes before the oracle has them.
    let noted = oracle.documents.expect("the document") { $0.isEmpty ? nil : $0 }
    #expect(noted == ["zarr.json={}"])
  }

  @Test func aGetThatFailsIsPoisoned() throws {
    let world = World(oracle: ScriptedOracle(["0.0": .askByGet(.chunk)])) { $0.put("0.0", "chunk") }
    world.store.failNext(1) { $0.kind == .get }
    let inode = try #require(world.lookup("0.0").inode)
    #expect(world.read(inode) == .failure(.inputOutput))
  }
}

@Suite struct ControlTests {
  @Test func isHiddenButThere() throws {
    let world = World { store in
      store.put("a", "1")
      store.put(".zarrfs/x", "shadowed")
    }
    #expect(world.list() == ["a"])
    let control = try #require(world.lookup(".zarrfs").attributes)
    #expect(control.isDirectory)
    #expect(world.list(control.inode) == ["cached/", "config.json", "evict/", "inodes/", "stats.json"])
    #expect(world.lookup("x", in: control.inode).isAbsent)
    for name: EntryName in ["inodes", "cached", "evict"] {
      #expect(world.list(try #require(world.lookup(name, in: control.inode).inode)) == [])
    }
  }

  @Test func statisticsHaveTheirTrueSizeAndAreNew() throws {
    let world = World { $0.put("a", "1") }
    _ = world.lookup("nothing")
    let first = world.lookup(".zarrfs").inode.map { world.lookup("stats.json", in: $0) }
    let attributes = try #require(first?.attributes)
    #expect(first?.valid == .zero)
    let bytes = try world.read(attributes.inode).get()
    #expect(Int64(bytes.count) == attributes.size)
    let names = try #require(world.json(attributes.inode)["names"] as? [String: Any])
    #expect(names["negative_answers"] as? Int == 1)
    _ = world.lookup("other")
    let second = try #require(world.walk(".zarrfs/stats.json"))
    #expect(second.inode != attributes.inode)
    let later = try #require(world.json(second.inode)["names"] as? [String: Any])
    #expect(later["negative_answers"] as? Int == 2)
    // What was open stays as it was, until it is forgotten.
    #expect(world.read(attributes.inode) == .success(bytes))
    world.fileSystem.forget(attributes.inode, count: 1)
    #expect(world.read(attributes.inode) == .failure(.stale))
  }

  @Test func whatIsCachedIsCountedAndDropped() throws {
    let world = World { store in
      for key in ["a/zarr.json", "a/c/0", "a/c/1", "b/c/0"] { store.put(ObjectKey(key), "12345") }
    }
    for path in ["a/zarr.json", "a/c/0", "a/c/1", "b/c/0"] {
      #expect(world.text(try #require(world.walk(path)).inode) == "12345")
    }
    // A READ is answered before its fill is finished; the store answers this afterwards.
    _ = world.store.headAndWait("anything")
    let a = try #require(world.walk("a")).inode.rawValue
    let chunk = try #require(world.walk("a/c/0")).inode.rawValue
    func cached(_ inode: UInt64) throws -> [String: Any] {
      let found = try #require(world.walk(".zarrfs/cached/\(inode).json"))
      return world.json(found.inode)
    }
    #expect(try cached(a)["cached_chunks"] as? Int == 2)
    #expect(try cached(a)["key"] as? String == "a/")
    #expect((try cached(a)["allocated_bytes"] as? Int ?? 0) > 0)
    #expect(try cached(1)["cached_chunks"] as? Int == 3)

    // Looking does nothing; only the owner may read.
    let evict = try #require(world.walk(".zarrfs/evict/\(chunk).json"))
    #expect(evict.permissions == 0o400)
    #expect(try cached(a)["cached_chunks"] as? Int == 2)
    let answer = try world.read(evict.inode).get()
    #expect(Int64(answer.count) == evict.size)
    #expect((world.json(evict.inode)["evicted_bytes"] as? Int ?? 0) > 0)
    #expect(try cached(a)["cached_chunks"] as? Int == 1)
    // What was read stays so.
    #expect(world.read(evict.inode) == .success(answer))

    let folder = try #require(world.walk(".zarrfs/evict/\(a).json"))
    #expect((world.json(folder.inode)["evicted_bytes"] as? Int ?? 0) > 0)
    #expect(try cached(a)["cached_chunks"] as? Int == 0)
    #expect(try cached(1)["cached_chunks"] as? Int == 1)
    let document = try #require(world.walk("a/zarr.json")).inode.rawValue
    let facts = world.json(try #require(world.walk(".zarrfs/inodes/\(document).json")).inode)
    #expect((facts["cached_bytes"] as? Int ?? 0) > 0)
    // Read again, it is there again.
    #expect(world.text(InodeNumber(chunk)) == "12345")
    for name in ["cached/424242.json", "cached/\(chunk).json", "evict/424242.json", "evict/x.json", "evict/\(a)"] {
      #expect(world.walk(".zarrfs/\(name)") == nil)
    }
  }

  @Test func factsOfOneInode() throws {
    let world = World { $0.put("d/a \"quoted\"", "12345") }
    let file = try #require(world.walk("d/a \"quoted\""))
    #expect(world.text(file.inode) == "12345")
    // A READ is answered before its fill is finished; the store answers this afterwards.
    _ = world.store.headAndWait("anything")
    let facts = world.json(try #require(world.walk(".zarrfs/inodes/\(file.inode.rawValue).json")).inode)
    #expect(facts["key"] as? String == "d/a \"quoted\"")
    #expect(facts["kind"] as? String == "file")
    #expect(facts["size"] as? Int == 5)
    #expect((facts["cached_bytes"] as? Int ?? 0) > 0)
    #expect(facts["class"] as? String == "chunk")
    #expect(facts["etag"] as? String == world.store.version(of: "d/a \"quoted\"")?.tag?.text)
    #expect(facts["expires"] as? Int == Int(world.time.now().milliseconds) + 60_000)
    #expect(world.walk(".zarrfs/inodes/1.json") != nil)
    #expect(world.walk(".zarrfs/inodes/424242.json") == nil)
    #expect(world.walk(".zarrfs/inodes/x.json") == nil)
  }

  @Test func extendedAttributes() throws {
    let world = World { $0.put("a", "1") }
    let file = try #require(world.lookup("a").inode)
    let names = try world.fileSystem.extendedAttributeNames(of: file).get().map { String(decoding: $0, as: UTF8.self) }
    #expect(names.sorted() == ["cached_bytes", "etag", "expires", "key"].map { "user.zarrfs.\($0)" })
    #expect(world.fileSystem.extendedAttribute(Array("user.zarrfs.key".utf8), of: file) == .success(Array("a".utf8)))
    #expect(world.fileSystem.extendedAttribute(Array("user.other".utf8), of: file) == .failure(.noData))
  }
}
