import Fetch
import FileSystem
import ObjectStorage
import Objects
import Platform
import TestSupport
import Testing

/// A tree where there is no listing: over a store that knows none, and over a bucket that refuses it.
@Suite struct UnlistedTests {
  private static let array =
    #"{"zarr_format":2,"shape":[4,4],"chunks":[2,2],"dtype":"<i4","compressor":null,"fill_value":0,"order":"C","filters":null}"#
  private static let group = #"{"zarr_format":2}"#

  private static func put(_ store: InMemoryStore, naming more: [String] = []) {
    store.put(".zgroup", group)
    for (path, text) in [("air/.zarray", array), ("air/.zattrs", "{}"), ("deep/er/.zarray", array)] {
      store.put(ObjectKey(path), text)
    }
    store.put("air/0.0", "chunk")
    let members = (["air/.zarray", "air/.zattrs", "deep/er/.zarray", ".zgroup"] + more).map {
      "\"\($0)\": \($0.hasSuffix(".zarray") ? array : group)"
    }
    store.put(".zmetadata", #"{"zarr_consolidated_format":1,"metadata":{\#(members.joined(separator: ","))}}"#)
  }

  private static let refused = StoreError(.forbidden, "403 AccessDenied", status: 403)

  /// As a bucket whose reader may not list: 403 for what is absent too.
  private static func closed(
    _ configuration: NamesConfiguration = NamesConfiguration(), naming more: [String] = []
  ) -> World {
    let world = World(configuration: configuration, knowsZarr: true) { put($0, naming: more) }
    world.store.failNext(.max, with: refused) { $0.kind == .list }
    world.store.setAnswersForbiddenForAbsent(true)
    return world
  }

  private static func web(naming more: [String] = []) -> World {
    World(canList: false, knowsZarr: true) { put($0, naming: more) }
  }

  /// Every file below, with its size.
  private func find(_ world: World, _ inode: InodeNumber = .root, _ path: String = "") throws -> [String: Int64] {
    var found: [String: Int64] = [:]
    for entry in try world.entries(inode).get() {
      let name = path + "\(entry.name)"
      if entry.attributes.isDirectory {
        found.merge(try find(world, entry.attributes.inode, name + "/")) { $1 }
      } else {
        found[name] = entry.attributes.size
      }
    }
    return found
  }

  private func documents(_ world: World) -> [String: Int64] {
    var all: [String: Int64] = [:]
    for name in [".zgroup", ".zmetadata", "air/.zarray", "air/.zattrs", "deep/er/.zarray"] {
      all[name] = world.store.version(of: ObjectKey(name))?.size
    }
    return all
  }

  @Test(arguments: [true, false]) func theTreeIsShownAtOnce(canList: Bool) throws {
    let world = canList ? Self.closed() : Self.web()
    #expect(try find(world) == documents(world))
    #expect(world.walk("air/0.0")?.size == 5)
    #expect(try find(world).keys.contains("air/0.0"))
    // All of it is remembered.
    world.store.resetCounts()
    _ = try find(world)
    #expect(world.store.requestCount == 0)
  }

  @Test func aDirectoryInTheMiddleFindsWhatSpeaksOfIt() throws {
    let world = Self.web()
    // Nothing lies in it but the way to an array: only the metadata at the root tells, to those who read it.
    _ = world.text(try #require(world.lookup(".zmetadata").inode))
    let deep = try #require(world.lookup("deep").attributes)
    #expect(deep.isDirectory)
    #expect(world.list(deep.inode) == ["er/"])
  }

  @Test func listIsAskedForOnce() throws {
    let world = Self.closed()
    _ = try find(world)
    #expect(world.store.count(.list) == 1)
    world.time.advance(by: .seconds(301))
    _ = world.list()
    #expect(world.store.count(.list) == 2)
  }

  @Test func aListingMadeThisWayProvesNoAbsence() throws {
    let world = Self.web()
    _ = try find(world)
    let air = try #require(world.lookup("air").inode)
    world.store.resetCounts()
    #expect(world.lookup("1.1", in: air).isAbsent)
    #expect(world.lookup("notes.txt").isAbsent)
    #expect(world.store.count(.get, "air/1.1") == 1 && world.store.count(.head, "notes.txt") == 1)
  }

  @Test func nodesThatAreNotThereAreNotShown() throws {
    let world = Self.web(naming: ["gone/.zarray", "gone/too/.zgroup", "air/0.0/.zarray", "lost/in/space/.zarray"])
    world.store.remove("air/.zattrs")
    var expected = documents(world)
    expected["air/.zattrs"] = nil
    #expect(try find(world) == expected)
    #expect(world.list() == [".zgroup", ".zmetadata", "air/", "deep/"])
    // A chunk stays a chunk.
    #expect(world.walk("air/0.0")?.size == 5)
  }

  @Test(arguments: [".zattrs", "air/.zattrs", "deep/er/.zarray"]) func aFaultFailsTheListing(key: String) throws {
    let world = Self.web()
    world.store.failNext(.max, key: ObjectKey(key))
    #expect(throws: Errno.inputOutput) { try find(world) }
    world.store.setOutage(nil)
  }

  @Test func theTreeSurvivesAnOutageOnceSeen() throws {
    let world = Self.web()
    let seen = try find(world)
    world.store.setOutage(.failing(InMemoryStore.unavailable))
    world.time.advance(by: .seconds(61))
    #expect(try find(world) == seen)
    world.remount { $0.isOffline = true }
    #expect(try find(world) == seen)
  }

  @Test func whatChangedIsShown() throws {
    let world = Self.web()
    _ = try find(world)
    world.store.put("new/.zarray", Self.array)
    Self.put(world.store, naming: ["new/.zarray"])
    world.time.advance(by: .seconds(61))
    #expect(world.list() == [".zgroup", ".zmetadata", "air/", "deep/", "new/"])
  }

  @Test func aForbiddenBucketIsNotEmpty() {
    let world = Self.closed()
    world.store.setOutage(.failing(Self.refused))
    #expect(throws: Errno.accessDenied) { try world.entries().get() }
    // Credentials that were refused once have not taught anything.
    world.store.setOutage(nil)
    world.time.advance(by: .seconds(2))
    #expect(world.list()?.contains("air/") == true)
  }

  @Test func absentChunksAreAbsentAndForbiddenOnesAreNot() throws {
    let world = Self.closed()
    _ = try find(world)
    let air = try #require(world.lookup("air").inode)
    // Nothing of the array was read yet: its likely chunks are tried.
    #expect(world.lookup("1.1", in: air).isAbsent)
    #expect(world.lookup("0.0", in: air).attributes?.size == 5)
    #expect(world.lookup(".zgroup", in: air).isAbsent)
    // The grid ends there, and a name of another kind is not judged.
    let other = try #require(world.lookup("readme", in: air).inode)
    #expect(world.read(other) == .failure(.accessDenied))
    world.store.setOutage(.failing(Self.refused))
    let poisoned = try #require(world.lookup("1.0", in: air).inode)
    #expect(world.read(poisoned) == .failure(.accessDenied))
  }

  /// As a firewall refuses who asks too much.
  @Test func aRefusalThatPassesIsNoAbsence() throws {
    let world = Self.closed()
    _ = try find(world)
    let air = try #require(world.lookup("air").inode)
    #expect(world.lookup("1.1", in: air).isAbsent)
    world.store.failNext(1, with: Self.refused) { $0.kind == .get && $0.key == "air/0.0" }
    let poisoned = try #require(world.lookup("0.0", in: air).inode)
    #expect(world.read(poisoned) == .failure(.inputOutput))
    world.time.advance(by: .seconds(2))
    #expect(world.lookup("0.0", in: air).attributes?.size == 5)
  }

  @Test(arguments: [MissingForbidden.no, .yes]) func theUserMaySayWhatForbiddenMeans(policy: MissingForbidden) throws {
    let world = Self.closed(NamesConfiguration(missingForbidden: policy))
    #expect(world.list()?.contains("air/") == true)
    let air = try #require(world.lookup("air").inode)
    for name: EntryName in ["1.1", "readme"] {
      let answer = world.lookup(name, in: air)
      #expect(answer.isAbsent == (policy == .yes))
      if policy == .no { #expect(try world.read(#require(answer.inode)) == .failure(.accessDenied)) }
    }
  }

  /// A poisoned file in its place would answer ENOTDIR for the chunks below, which readers take for missing ones.
  @Test(arguments: [true, false]) func aDirectoryStaysOneWhileTheRemoteFails(canList: Bool) throws {
    let failures = [InMemoryStore.unavailable, Self.refused]
    for failure in failures {
      let world = World(
        canList: canList, configuration: NamesConfiguration(servesStaleOnError: false), knowsZarr: true
      ) { Self.put($0) }
      // Read, so that what it names is known.
      let metadata = try #require(world.lookup(".zmetadata").inode)
      _ = world.text(metadata)
      _ = world.lookup("air")
      world.time.advance(by: .seconds(61))
      world.store.setOutage(.failing(failure))
      for name: EntryName in ["air", "deep"] {
        let directory = try #require(world.lookup(name).attributes)
        #expect(directory.isDirectory)
        guard name == "air" else { continue }
        let chunk = try #require(world.lookup("0.0", in: directory.inode).attributes)
        #expect(!chunk.isDirectory)
        guard case .failure = world.read(chunk.inode) else {
          Issue.record("a chunk that cannot be had was read")
          continue
        }
      }
    }
  }
}
