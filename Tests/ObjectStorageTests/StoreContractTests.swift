import ObjectStorage
import Objects
import Platform
import TestSupport
import Testing

/// What every store owes, over the store in memory and over a directory.
@Suite("Store contract") struct StoreContractTests {
  enum World: String, CaseIterable, CustomTestStringConvertible {
    case memory, directory
    var testDescription: String { rawValue }

    func make() throws -> Bucket { try Bucket(self) }
  }

  /// A store and a way to write into it.
  struct Bucket {
    let store: any ObjectStore
    private let memory: InMemoryStore?
    private let directory: TemporaryDirectory

    init(_ world: World) throws {
      directory = TemporaryDirectory()
      memory = world == .memory ? InMemoryStore() : nil
      if let memory { store = memory } else { store = try DirectoryStore(path: directory.path) }
    }

    func put(_ key: String, _ bytes: [UInt8]) {
      if let memory { memory.put(ObjectKey(key), bytes) } else { directory.write(bytes, to: key) }
    }
    func put(_ key: String, _ text: String = "x") { put(key, Array(text.utf8)) }

    /// Every page of a listing.
    func list(_ prefix: String, delimited: Bool = true, limit: Int = 1000) throws -> (ListPage, pages: Int) {
      var whole = ListPage()
      var request = ListRequest(prefix: ObjectKey(prefix), delimited: delimited, limit: limit)
      var pages = 0
      repeat {
        let page = try store.listAndWait(request).get()
        #expect(page.objects.count + page.prefixes.count <= limit)
        whole.objects += page.objects
        whole.prefixes += page.prefixes
        request.continuation = page.continuation
        pages += 1
      } while request.continuation != nil
      return (whole, pages)
    }
  }

  @Test("A whole object comes with its head and its bytes", arguments: World.allCases)
  func whole(world: World) throws {
    let bucket = try world.make()
    var random = SeededGenerator(seed: 1)
    let bytes = random.bytes(700_001)
    bucket.put("a/b", bytes)
    let contents = bucket.store.getAndWait("a/b")
    #expect(contents.isComplete)
    let isSame = contents.bytes == bytes
    #expect(isSame)
    let head = try #require(contents.head)
    #expect(head.range == 0..<700_001)
    #expect(head.version.size == 700_001)
    #expect(head.version.tag != nil)
    #expect(head.version.modified > 1_600_000_000_000)
    #expect(try bucket.store.headAndWait("a/b").get() == head.version)
  }

  @Test(
    "A range is clipped to the object",
    arguments: World.allCases,
    [
      (GetRequest.Range.bytes(0..<3), Int64(0)..<Int64(3)), (.bytes(2..<4), 2..<4), (.bytes(9..<10), 9..<10),
      (.bytes(5..<1000), 5..<10), (.suffix(4), 6..<10), (.suffix(10), 0..<10), (.suffix(99), 0..<10),
    ])
  func ranges(world: World, example: (GetRequest.Range, ByteRange)) throws {
    let bucket = try world.make()
    let bytes = Array("0123456789".utf8)
    bucket.put("a", bytes)
    let contents = bucket.store.getAndWait("a", example.0)
    #expect(contents.isComplete)
    #expect(contents.heads.map(\.range) == [example.1])
    #expect(contents.bytes == Array(bytes[Int(example.1.lowerBound)..<Int(example.1.upperBound)]))
  }

  @Test(
    "A range beyond the end is unsatisfiable, and says the size", arguments: World.allCases,
    [GetRequest.Range.bytes(10..<11), .bytes(1_000_000..<1_000_001), .suffix(0)])
  func unsatisfiable(world: World, range: GetRequest.Range) throws {
    let bucket = try world.make()
    bucket.put("a", "0123456789")
    let contents = bucket.store.getAndWait("a", range)
    #expect(contents.failure?.kind == .unsatisfiable(size: 10))
    #expect(contents.heads.isEmpty && contents.bytes.isEmpty && contents.ends == 1)
  }

  @Test("An empty object is read whole, and has no range", arguments: World.allCases)
  func empty(world: World) throws {
    let bucket = try world.make()
    bucket.put("a", "")
    let contents = bucket.store.getAndWait("a")
    #expect(contents.isComplete)
    #expect(contents.heads.map(\.range) == [0..<0])
    #expect(bucket.store.getAndWait("a", .bytes(0..<1)).failure?.kind == .unsatisfiable(size: 0))
    #expect(bucket.store.getAndWait("a", .suffix(1)).failure?.kind == .unsatisfiable(size: 0))
  }

  @Test(
    "What is not there is not found", arguments: World.allCases,
    [
      "no", "d", "d/", "d/no", "f/below", "", "/f", "d//x", "../f", "d/../f", "./f", "a\0b",
      String(repeating: "n", count: 300),
    ])
  func missing(world: World, key: String) throws {
    let bucket = try world.make()
    bucket.put("f")
    bucket.put("d/x")
    #expect(bucket.store.getAndWait(ObjectKey(key)).failure?.kind == .notFound)
    guard case .failure(let error) = bucket.store.headAndWait(ObjectKey(key)) else {
      Issue.record("found \(key)")
      return
    }
    #expect(error.kind == .notFound)
  }

  @Test("Only the expected version will do", arguments: World.allCases)
  func conditional(world: World) throws {
    let bucket = try world.make()
    bucket.put("a", "old")
    let old = try bucket.store.headAndWait("a").get()
    #expect(bucket.store.getAndWait("a", .bytes(0..<1), expected: old).isComplete)
    bucket.put("a", "newer")
    #expect(bucket.store.getAndWait("a", expected: old).failure?.kind == .changed)
    // The version is judged before the range.
    #expect(bucket.store.getAndWait("a", .bytes(9..<10), expected: old).failure?.kind == .changed)
    let new = try bucket.store.headAndWait("a").get()
    #expect(bucket.store.getAndWait("a", expected: new).bytes == Array("newer".utf8))
  }

  @Test("Names that URLs would escape are bytes", arguments: World.allCases)
  func oddNames(world: World) throws {
    let bucket = try world.make()
    let keys = [
      "with space", "plus+equals=at@colon:comma,tilde~percent%41", "é/日本", "e\u{301}", "q?a=b&c#d", ".zarray", "...",
      "new\nline", "*", "\\", "'\"", "c.0.0",
    ]
    for key in keys { bucket.put(key, key) }
    for key in keys { #expect(bucket.store.getAndWait(ObjectKey(key)).bytes == Array(key.utf8)) }
    let listed = try bucket.list("", delimited: false).0.objects.map(\.key)
    #expect(listed == keys.map { ObjectKey($0) }.sorted { $0.bytes.lexicographicallyPrecedes($1.bytes) })
  }

  static let tree = [
    "a", "a-b", "a.txt", "a/1", "a/2/x", "a/2/y", "a0", "b/c/d/e", "b/c/f", "b.", "dir/.zattrs", "dir/.zarray",
    "dir/0.0",
  ].filter { $0 != "a" }

  @Test("A delimited listing rolls up what is below, sorted by bytes", arguments: World.allCases, [1, 2, 3, 1000])
  func delimited(world: World, limit: Int) throws {
    let bucket = try world.make()
    for key in Self.tree { bucket.put(key, key) }
    let (root, pages) = try bucket.list("", limit: limit)
    #expect(root.objects.map(\.key) == ["a-b", "a.txt", "a0", "b."])
    #expect(root.prefixes == ["a/", "b/", "dir/"])
    #expect(pages == (7 + limit - 1) / limit)
    #expect(try bucket.list("a/", limit: limit).0.objects.map(\.key) == ["a/1"])
    #expect(try bucket.list("a/", limit: limit).0.prefixes == ["a/2/"])
    #expect(try bucket.list("a", limit: limit).0.objects.map(\.key) == ["a-b", "a.txt", "a0"])
    #expect(try bucket.list("a", limit: limit).0.prefixes == ["a/"])
    #expect(try bucket.list("b/c", limit: limit).0.prefixes == ["b/c/"])
    #expect(try bucket.list("dir/.", limit: limit).0.objects.map(\.key) == ["dir/.zarray", "dir/.zattrs"])
    for object in root.objects { #expect(try bucket.store.headAndWait(object.key).get() == object.version) }
  }

  @Test(
    "A listing without a delimiter holds every key below, sorted by bytes", arguments: World.allCases, [1, 2, 5, 1000])
  func flat(world: World, limit: Int) throws {
    let bucket = try world.make()
    for key in Self.tree { bucket.put(key, key) }
    let sorted = Self.tree.map { ObjectKey($0) }.sorted { $0.bytes.lexicographicallyPrecedes($1.bytes) }
    for prefix in ["", "a", "a/", "a/2/", "b/c/d", "dir/.za", "zzz"] {
      let (page, pages) = try bucket.list(prefix, delimited: false, limit: limit)
      let expected = sorted.filter { $0.bytes.starts(with: prefix.utf8) }
      #expect(page.objects.map(\.key) == expected)
      #expect(page.prefixes.isEmpty)
      #expect(pages == max(1, (expected.count + limit - 1) / limit))
    }
  }

  @Test("A listing of what is not there is empty", arguments: World.allCases, ["no/", "f/", "d/no/x", "../", "d//"])
  func emptyListing(world: World, prefix: String) throws {
    let bucket = try world.make()
    bucket.put("f")
    bucket.put("d/x")
    for delimited in [true, false] {
      let (page, pages) = try bucket.list(prefix, delimited: delimited)
      #expect(page.objects.isEmpty && page.prefixes.isEmpty && pages == 1)
    }
  }

  @Test("Pages of random trees are the whole listing, whatever their size", arguments: World.allCases)
  func randomTrees(world: World) throws {
    var random = SeededGenerator(seed: 7)
    for _ in 0..<3 {
      let bucket = try world.make()
      var keys: Set<String> = []
      for _ in 0..<60 {
        let depth = Int.random(in: 0...3, using: &random)
        let folders = (0..<depth).map { _ in String("ab-.".randomElement(using: &random)!) + "d" }
        keys.insert((folders + ["f\(Int.random(in: 0..<9, using: &random))"]).joined(separator: "/"))
      }
      for key in keys { bucket.put(key) }
      let sorted = keys.map { ObjectKey($0) }.sorted { $0.bytes.lexicographicallyPrecedes($1.bytes) }
      for limit in [1, 7, 1000] {
        #expect(try bucket.list("", delimited: false, limit: limit).0.objects.map(\.key) == sorted)
      }
      let top = try bucket.list("", limit: 3).0
      #expect(top.objects.map(\.key) == sorted.filter { !$0.bytes.contains(UInt8(ascii: "/")) })
      #expect(
        Set(top.prefixes.map(\.description))
          == Set(keys.filter { $0.contains("/") }.map { $0.prefix { $0 != "/" } + "/" }))
    }
  }
}
