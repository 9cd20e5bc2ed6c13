import Fetch
import FileSystem
import ObjectStorage
import Objects
import Platform
import TestSupport
import Testing

/// The promises of `docs/semantics.md` of what is old, or cannot be asked: 4 and 9.
@Suite struct Promise4Freshness {
  @Test func youngIsGivenWithoutAsking() throws {
    let world = World { $0.put("a", "1") }
    #expect(world.lookup("a").valid == .seconds(60))
    world.time.advance(by: .seconds(20))
    world.store.resetCounts()
    #expect(world.lookup("a").valid == .seconds(40))
    #expect(world.store.requestCount == 0)
  }

  @Test func oldIsRevalidatedWithoutABody() throws {
    let world = World { store in
      store.put("a", "1")
      store.put("d/b", "1")
    }
    let inode = try #require(world.lookup("a").inode)
    let directory = try #require(world.lookup("d").inode)
    #expect(world.text(inode) == "1")
    world.time.advance(by: .seconds(61))
    world.store.resetCounts()
    #expect(world.lookup("a").inode == inode)
    #expect(world.store.count(.head) == 1)
    #expect(world.store.requestCount == 1)
    #expect(world.lookup("d").inode == directory)
    #expect(world.store.count(.list) == 1)
    #expect(world.store.requestCount == 2)
    #expect(world.text(inode) == "1")
    #expect(world.store.count(.get) == 0)
  }

  /// Nothing of the new listing was shown yet: then the old one is better than an error.
  @Test func aListingThatBreaksOffAtOnceIsReplacedByTheOldOne() throws {
    let world = World { store in for number in 0..<1500 { store.put(ObjectKey("k\(number)"), "1") } }
    #expect(world.list(limit: 2000)?.count == 1500)
    world.time.advance(by: .seconds(61))
    world.store.resetCounts()
    world.store.hold(.list)
    let opened = AnswerSlot<Result<DirectoryHandle, Errno>>()
    _ = world.fileSystem.openDirectory(.root, opened.fill)
    world.store.waitForRequests(1, .list)
    world.store.releaseOne()
    world.store.waitForRequests(2, .list)
    world.store.failNext { $0.kind == .list }
    world.store.release()
    let handle = try opened.wait("an opendir").get()
    var names: Set<EntryName> = []
    var offset: Int64 = 2
    while case let batch = try world.beginBatch(handle, after: offset, limit: 1000).wait("a batch").get(),
      let last = batch.last
    {
      names.formUnion(batch.map(\.name))
      offset = last.offset
    }
    #expect(names.count == 1500)
    world.fileSystem.releaseDirectory(handle)
  }

  @Test func staleIsServedWhileTheRemoteIsDown() throws {
    let world = World { store in
      store.put("a", "1")
      store.put("d/b", "1")
    }
    let inode = try #require(world.lookup("a").inode)
    #expect(world.text(inode) == "1")
    #expect(world.lookup("nothing").isAbsent)
    #expect(world.list() == ["a", "d/"])
    world.time.advance(by: .seconds(600))
    world.store.setOutage(.failing(InMemoryStore.unavailable))
    #expect(world.lookup("a").inode == inode)
    #expect(world.lookup("nothing").isAbsent)
    #expect(world.list() == ["a", "d/"])
    #expect(world.text(inode) == "1")
    #expect(world.names.counters[.staleServed] == 3)
    #expect(world.lines.withLock { $0.filter { $0.contains("although stale") }.count } == 1)
    // Up again, and noticed.
    world.store.setOutage(nil)
    world.store.put("a", "22")
    for _ in 0..<5 where world.lookup("a").inode == inode {
      world.time.advance(by: .seconds(2))
      _ = world.lookup("a")
      // The store answers in order: then what that lookup asked in the background is known.
      _ = world.store.headAndWait("anything")
    }
    #expect(world.lookup("a").attributes?.size == 2)
  }

  @Test func withoutStaleIfErrorItIsPoisoned() throws {
    let world = World(configuration: NamesConfiguration(servesStaleOnError: false)) { $0.put("a", "1") }
    let inode = try #require(world.lookup("a").inode)
    #expect(world.list() == ["a"])
    world.time.advance(by: .seconds(600))
    world.store.setOutage(.failing(InMemoryStore.unavailable))
    let poisoned = try #require(world.lookup("a").inode)
    #expect(poisoned != inode)
    #expect(world.read(poisoned) == .failure(.inputOutput))
    #expect(world.list() == nil)
  }

  /// A poisoned entry is a file, and a file within a path is ENOTDIR: zarr-python 3 takes that for a missing chunk.
  @Test(arguments: [StoreError(.forbidden, "403"), InMemoryStore.unavailable])
  func whatWasADirectoryStaysOneAndPoisonsWhatLiesBelow(error: StoreError) throws {
    for servesStale in [true, false] {
      let world = World(configuration: NamesConfiguration(servesStaleOnError: servesStale)) { $0.put("air/0.0", "1") }
      let air = try #require(world.lookup("air").inode)
      #expect(world.lookup("0.0", in: air).attributes?.size == 1)
      world.time.advance(by: .seconds(600))
      world.store.setOutage(.failing(error))
      let again = try #require(world.lookup("air").attributes)
      #expect(again.isDirectory && again.inode == air)
      let below = try #require(world.lookup("0.1", in: air).inode)
      #expect(world.read(below) == .failure(error.kind == .forbidden ? .accessDenied : .inputOutput))
    }
  }

  @Test func offlineNeverAsks() throws {
    let world = World { store in
      store.put("a", "1")
      store.put("d/b", "1")
    }
    #expect(world.list() == ["a", "d/"])
    let inode = try #require(world.lookup("a").inode)
    #expect(world.text(inode) == "1")
    world.remount { $0.isOffline = true }
    world.time.advance(by: .seconds(100_000))
    world.store.resetCounts()
    #expect(world.lookup("a").inode == inode)
    #expect(world.text(inode) == "1")
    #expect(world.lookup("nothing").isAbsent)
    #expect(world.list() == ["a", "d/"])
    let directory = try #require(world.lookup("d").inode)
    let unknown = try #require(world.lookup("b", in: directory).inode)
    #expect(world.read(unknown) == .failure(.inputOutput))
    #expect(world.list(directory) == nil)
    #expect(world.store.requestCount == 0)
  }

  @Test func entryTimeoutsHaveACap() {
    let world = World(configuration: NamesConfiguration(timeToLive: .infinite)) { $0.put("a", "1") }
    #expect(world.lookup("a").valid == .seconds(300))
    #expect(world.lookup("nothing").valid == .seconds(300))
    world.time.advance(by: .seconds(1_000_000))
    world.store.resetCounts()
    #expect(world.lookup("a").valid == .seconds(300))
    #expect(world.store.requestCount == 0)
  }
}

@Suite struct Promise9ADeadNetworkDoesNotHangWhatIsCached {
  @Test func cachedReadsAndTheRootAnswer() throws {
    let world = World { store in
      store.put("a", "1")
      store.put("b", "2")
    }
    let inode = try #require(world.lookup("a").inode)
    #expect(world.text(inode) == "1")
    #expect(world.list() == ["a", "b"])
    world.store.setOutage(.stalling)
    let other = try #require(world.lookup("b").inode)
    let (stuck, pending) = world.beginRead(other, 0..<1)
    #expect(world.text(inode) == "1")
    #expect(world.fileSystem.statistics().capacity == 64 << 20)
    #expect(world.list() == ["a", "b"])
    // Long after the listing went stale: the first asker waits for the patience, the next does not.
    world.time.advance(by: .seconds(600))
    let slot = AnswerSlot<Result<DirectoryHandle, Errno>>()
    _ = world.fileSystem.openDirectory(.root, slot.fill)
    world.time.advance(by: .seconds(3))
    world.fileSystem.releaseDirectory(try slot.wait().get())
    #expect(world.list() == ["a", "b"])
    #expect(world.lookup("a").inode == inode)
    #expect(stuck.value == nil)
    pending?.interrupt()
    #expect(stuck.wait() == .failure(.interrupted))
  }

  @Test func aRevalidationThatHangsIsServedStale() throws {
    let world = World { $0.put("a", "1") }
    let inode = try #require(world.lookup("a").inode)
    world.time.advance(by: .seconds(600))
    world.store.setOutage(.stalling)
    let (slot, _) = world.begin("a")
    #expect(slot.value == nil)
    world.time.advance(by: .seconds(3))
    #expect(slot.wait().inode == inode)
    #expect(world.begin("a").0.value?.inode == inode)
  }
}
