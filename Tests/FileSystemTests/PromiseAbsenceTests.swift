import Fetch
import FileSystem
import ObjectStorage
import Objects
import Platform
import TestSupport
import Testing

/// The promises of `docs/semantics.md` of what is absent, unknown or failing: 2 and 3.
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
