import Fetch
import FileSystem
import ObjectStorage
import Objects
import Platform
import TestSupport
import Testing

/// The promises of `docs/semantics.md`, by their numbers.
@Suite struct Promise1OneVersion {
  @Test func aReadThatMeetsAnotherVersionFailsWhole() throws {
    let world = World { $0.put("a", [UInt8](repeating: 1, count: 300_000)) }
    let inode = try #require(world.lookup("a").inode)
    world.store.hold(.get)
    let (slot, _) = world.beginRead(inode, 0..<300_000)
    world.store.waitForRequests(1, .get)
    world.store.put("a", [UInt8](repeating: 2, count: 300_000))
    world.store.release()
    #expect(slot.wait() == .failure(.stale))
  }

  @Test func aBodyThatBeganGoesOnAsItWas() throws {
    let old = [UInt8](repeating: 1, count: 300_000)
    let world = World { $0.put("a", old) }
    let inode = try #require(world.lookup("a").inode)
    world.store.holdBody(after: 1000)
    let (slot, _) = world.beginRead(inode, 0..<300_000)
    world.store.waitForHeldBodies(1)
    world.store.put("a", [UInt8](repeating: 2, count: 300_000))
    world.store.releaseBodies()
    let isOld = try slot.wait().get() == old
    #expect(isOld)
  }

  @Test func aReadIsShortAtTheEndOnly() throws {
    let world = World { $0.put("a", Array(0..<100)) }
    let inode = try #require(world.lookup("a").inode)
    #expect(world.read(inode, 90..<4096) == .success(Array(90..<100)))
    #expect(world.read(inode, 100..<4096) == .success([]))
    #expect(world.read(inode, 5000..<9000) == .success([]))
  }
}

@Suite struct Promise2AbsentIsNotUnknown {
  @Test func absentIsWhatHeadAndListDeny() {
    let world = World()
    let answer = world.lookup("nothing")
    #expect(answer.isAbsent)
    #expect(answer.valid == .seconds(60))
    #expect(world.store.count(.head) == 1)
    #expect(world.store.count(.list) == 1)
  }

  @Test func absenceIsRemembered() {
    let world = World()
    for _ in 0..<5 { #expect(world.lookup("nothing").isAbsent) }
    #expect(world.store.requestCount == 2)
    world.time.advance(by: .seconds(61))
    world.store.put("nothing", "now there")
    #expect(world.lookup("nothing").attributes?.size == 9)
  }

  @Test(arguments: [InMemoryStore.Request.Kind.head, .list]) func oneFailingSideIsNotAbsence(
    kind: InMemoryStore.Request.Kind
  ) {
    let world = World()
    world.store.failNext(1) { $0.kind == kind }
    #expect(!world.lookup("nothing").isAbsent)
  }

  @Test func aFreshCompleteListingAnswers() {
    let world = World { store in
      store.put("a", "1")
      store.put("d/b", "2")
    }
    #expect(world.list() == ["a", "d/"])
    world.store.resetCounts()
    #expect(world.lookup("nothing").isAbsent)
    #expect(world.lookup("a").attributes?.size == 1)
    #expect(world.lookup("d").attributes?.isDirectory == true)
    #expect(world.store.requestCount == 0)
  }

  @Test func anUnfinishedListingDoesNot() {
    let world = World { store in for number in 0..<1500 { store.put(ObjectKey("k\(number)"), "1") } }
    world.store.failNext(1) { $0.kind == .list && $0.key == .root }
    #expect(world.list() == nil)
    world.store.resetCounts()
    #expect(world.lookup("nothing").isAbsent)
    #expect(world.store.requestCount == 2)
  }

  @Test func forbiddenIsNotAbsentUnlessTheListingSaysSo() {
    let world = World { $0.put("there", "1") }
    world.store.setAnswersForbiddenForAbsent(true)
    // HEAD is forbidden, but listing is not.
    #expect(world.lookup("nothing").isAbsent)
    world.store.setOutage(.failing(StoreError(.forbidden, "403", status: 403)))
    let poisoned = world.lookup("other")
    #expect(!poisoned.isAbsent)
    #expect(poisoned.inode.map { world.read($0) } == .failure(.accessDenied))
    #expect(world.lines.withLock { $0.contains { $0.contains("check the credentials") && $0.contains("status=403") } })
  }
}

@Suite struct Promise3NeverAFillValueForAFault {
  @Test func anUnknownNameIsPoisoned() throws {
    let world = World { $0.put("a", "1") }
    world.store.setOutage(.failing(InMemoryStore.unavailable))
    let answer = world.lookup("a")
    let attributes = try #require(answer.attributes)
    #expect(attributes.size > 0)
    #expect(!attributes.isDirectory)
    #expect(answer.valid == .zero)
    #expect(world.read(attributes.inode) == .failure(.inputOutput))
    world.store.setOutage(nil)
    #expect(world.list() == ["a"])
    world.time.advance(by: .seconds(2))
    let real = try #require(world.lookup("a").inode)
    #expect(real != attributes.inode)
    #expect(world.text(real) == "1")
    // The poisoned one stays what it was.
    #expect(world.read(attributes.inode) == .failure(.inputOutput))
    let statistics = world.json(try #require(world.walk(".zarrfs/stats.json")?.inode))
    #expect((statistics["names"] as? [String: Any])?["poisoned"] as? Int == 1)
  }

  @Test func aFailureIsRememberedForASecond() {
    let world = World()
    world.store.setOutage(.failing(InMemoryStore.unavailable))
    #expect(!world.lookup("a").isAbsent)
    let asked = world.store.requestCount
    #expect(!world.lookup("a").isAbsent)
    #expect(world.store.requestCount == asked)
    world.time.advance(by: .seconds(2))
    #expect(!world.lookup("a").isAbsent)
    #expect(world.store.requestCount > asked)
  }

  @Test func aListingThatCannotBeFinishedFailsAsAWhole() throws {
    let world = World { store in for number in 0..<2500 { store.put(ObjectKey("k\(number)"), "1") } }
    world.store.hold(.list)
    let handle = try world.open().get()
    world.store.waitForRequests(1, .list)
    world.store.releaseOne()
    var shown = 0
    var offset: Int64 = 2
    while shown < 999 {
      let batch = try world.beginBatch(handle, after: offset, limit: 300).wait().get()
      shown += batch.count
      offset = try #require(batch.last).offset
    }
    let next = world.beginBatch(handle, after: offset, limit: 300)
    world.store.failNext(1) { $0.kind == .list }
    world.store.release()
    #expect(next.wait().error == .inputOutput)
    // Also for whoever reads what had come.
    #expect(world.beginBatch(handle, after: 2).wait().error == .inputOutput)
    world.fileSystem.releaseDirectory(handle)
    #expect(world.list()?.count == 2500)
  }

  @Test func aFailedReadIsEIO() throws {
    let world = World { $0.put("a", "1") }
    let inode = try #require(world.lookup("a").inode)
    world.store.failNext(1) { $0.kind == .get }
    #expect(world.read(inode) == .failure(.inputOutput))
    #expect(world.lines.withLock { $0.contains { $0.contains("a read failed") && $0.contains("key=a") } })
  }

  @Test func anInterruptedLookupIsPoisonedNotAbsent() throws {
    let world = World()
    world.store.setOutage(.stalling)
    let (slot, pending) = world.begin("a")
    #expect(slot.value == nil)
    pending?.interrupt()
    let inode = try #require(slot.wait().inode)
    #expect(world.read(inode) == .failure(.inputOutput))
    #expect(slot.count == 1)
  }
}

extension Result {
  var error: Failure? {
    if case .failure(let error) = self { return error }
    return nil
  }
}

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

@Suite struct Promise5AChangedObjectIsANewFile {
  @Test func newInodeAndOldBytesWhileCached() throws {
    let world = World { $0.put("a", "old") }
    let old = try #require(world.lookup("a").inode)
    #expect(world.text(old) == "old")
    world.store.put("a", "newer")
    #expect(world.lookup("a").inode == old)
    world.time.advance(by: .seconds(61))
    let new = try #require(world.lookup("a").inode)
    #expect(new != old)
    #expect(world.text(new) == "newer")
    #expect(world.text(old) == "old")
  }

  @Test func oldBytesThatAreNotCachedAreStale() throws {
    let world = World { $0.put("a", "old") }
    let old = try #require(world.lookup("a").inode)
    world.store.put("a", "newer")
    #expect(world.read(old) == .failure(.stale))
    // The remote denied the old version: the next lookup asks, though the answer was young.
    let new = try #require(world.lookup("a").inode)
    #expect(new != old)
    #expect(world.text(new) == "newer")
  }

  @Test func aListingShowsTheNewVersion() throws {
    let world = World { $0.put("a", "old") }
    let old = try #require(world.lookup("a").inode)
    world.time.advance(by: .seconds(61))
    world.store.put("a", "newer")
    let entry = try #require(try world.entries().get().first)
    #expect(entry.attributes.inode != old)
    #expect(entry.attributes.size == 5)
    #expect(world.lookup("a").inode == entry.attributes.inode)
  }
}

@Suite struct Promise7Survives {
  @Test func inodesAndBytesOutliveTheMount() throws {
    let world = World { store in
      store.put("d/a", "1")
      store.put("d/b", "22")
    }
    let directory = try #require(world.walk("d"))
    let file = try #require(world.walk("d/a"))
    #expect(world.text(file.inode) == "1")
    #expect(world.list(directory.inode) == ["a", "b"])
    world.remount()
    world.store.setOutage(.failing(InMemoryStore.unavailable))
    #expect(world.walk("d") == directory)
    #expect(world.walk("d/a") == file)
    #expect(world.text(file.inode) == "1")
    #expect(world.list(directory.inode) == ["a", "b"])
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

@Suite struct Promise10FetchedOnce {
  @Test func oneQuestionForAllWhoLookUp() {
    let world = World { $0.put("a", "1") }
    world.store.hold()
    let slots = (0..<64).map { _ in world.begin("a").0 }
    world.store.release()
    let inodes = Set(slots.map { $0.wait().inode })
    #expect(inodes.count == 1)
    #expect(world.store.requestCount == 2)
  }

  @Test func oneGetForAllWhoRead() throws {
    let world = World { $0.put("a", "bytes") }
    let inode = try #require(world.lookup("a").inode)
    world.store.hold(.get)
    let slots = (0..<64).map { _ in world.beginRead(inode, 0..<5).0 }
    world.store.release()
    for slot in slots { #expect(slot.wait() == .success(Array("bytes".utf8))) }
    #expect(world.store.count(.get) == 1)
  }
}
