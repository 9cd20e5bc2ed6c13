import Fetch
import ObjectStorage
import Objects
import Platform
import TestSupport
import Testing

private let mebi: Int64 = 1 << 20

@Suite struct FetcherTests {
  @Test func `One GET for 64 readers at once, and none the second time`() throws {
    let world = try FetchWorld()
    let bytes = world.bytes(1_000_000)
    let object = world.put("c/0", bytes)
    world.store.hold()
    let answers = Monitor<[FetchWorld.Answer]>([])
    var threads: [Thread] = []
    for index in 0..<64 {
      threads.append(
        try Thread.start("reader") {
          let lower = Int64(index) * 15_000
          let (answer, _) = world.ask(object, lower..<lower + 20_000)
          answers.withLock { $0.append(answer) }
        })
    }
    for thread in threads { thread.join() }
    #expect(world.fetcher.statistics.waitingReads == 64)
    world.store.release()
    for answer in answers.withLock({ $0 }) {
      let got = try answer.wait().get()
      #expect(got.count == 20_000)
    }
    world.settle()
    #expect(world.store.count(.get, "c/0") == 1)
    let again = try world.readAll(object) == bytes
    #expect(again)
    #expect(world.store.count(.get, "c/0") == 1)
    #expect(world.fetcher.statistics.misses == 64)
    #expect(world.fetcher.statistics.hits == 8)
    #expect(world.fetcher.statistics.bytesFromRemote == 1_000_000)
    #expect(world.fetcher.statistics.budgetInUse == 0)
  }

  @Test func `A hit is answered on the caller's stack`() throws {
    let world = try FetchWorld()
    let object = world.put("a", world.bytes(100))
    _ = try world.readAll(object)
    world.settle()
    world.store.setOutage(.stalling)
    let (answer, pending) = world.ask(object, 0..<100)
    #expect(answer.count == 1 && pending == nil)
    #expect(world.ask(object, 100..<200).answer.value.map { (try? $0.get())?.isEmpty } == .some(true))
  }

  @Test func `A READ is answered before its part is complete`() throws {
    let world = try FetchWorld()
    let bytes = world.bytes(4 << 20)
    let object = world.put("a", bytes)
    world.store.holdBody(after: 1 << 20)
    let early = try world.read(object, 0..<128 << 10) == bytes[..<(128 << 10)]
    #expect(early)
    world.store.waitForHeldBodies(1)
    // These bytes arrived already: no more has to come.
    let (arrived, pending) = world.ask(object, 512 << 10..<640 << 10)
    #expect(pending == nil)
    let isSame = try arrived.wait().get() == bytes[(512 << 10)..<(640 << 10)]
    #expect(isSame)
    let (late, _) = world.ask(object, (1 << 20) - 10..<(1 << 20) + 10)
    #expect(late.count == 0)
    world.store.releaseBodies()
    let lateIsSame = try late.wait().get() == bytes[((1 << 20) - 10)..<((1 << 20) + 10)]
    #expect(lateIsSame)
    world.settle()
    #expect(world.store.count(.get) == 1)
  }

  @Test func `A READ over two running parts is answered when both have its bytes`() throws {
    let world = try FetchWorld { $0.partSize = 1 << 20 }
    let bytes = world.bytes(3 << 20)
    let object = world.put("a", bytes)
    world.store.hold()
    let (answer, _) = world.ask(object, mebi - 1000..<2 * mebi + 1000)
    world.store.waitForRequests(3, .get)
    world.store.releaseOne { $0.range == .bytes(1 << 20..<2 << 20) }
    world.store.releaseOne { $0.range == .bytes(2 << 20..<3 << 20) }
    #expect(answer.count == 0)
    world.store.release()
    let range = Int(mebi) - 1000..<2 * Int(mebi) + 1000
    let isSame = try answer.wait().get() == bytes[range]
    #expect(isSame)
    world.settle()
    #expect(world.store.count(.get) == 3)
  }

  @Test func `Objects up to the limit come whole, larger ones by ranges`() throws {
    let world = try FetchWorld()
    let small = world.put("small", world.bytes(12 << 20))
    _ = try world.read(small, 0..<1)
    world.settle()
    #expect(world.store.bytesSent == 12 << 20)
    #expect(world.store.count(.get) == 2)
    world.store.resetCounts()
    let large = world.put("large", world.bytes(20 << 20))
    _ = try world.read(large, 10 * mebi..<10 * mebi + 1)
    world.settle()
    #expect(world.store.bytesSent == 32 << 10)
  }

  @Test func `A changed object is never mixed`() throws {
    let world = try FetchWorld { $0.partSize = 1 << 20 }
    let old = world.bytes(20 << 20)
    let object = world.put("a", old)
    let head = try world.read(object, 0..<mebi)
    let headIsSame = head == old[..<Int(mebi)]
    #expect(headIsSame)
    let new = world.put("a", world.bytes(20 << 20))
    let failure = world.ask(object, 5 * mebi..<6 * mebi).answer.wait()
    #expect(throws: FetchFailure.changed) { try failure.get() }
    // What is near stays readable; the second try fails at once.
    let again = try world.read(object, 0..<mebi) == head
    #expect(again)
    let count = world.store.count(.get)
    let second = world.ask(object, 5 * mebi..<6 * mebi)
    #expect(second.pending == nil && second.answer.count == 1)
    #expect(world.store.count(.get) == count)
    _ = try world.read(new, 5 * mebi..<6 * mebi)
  }

  @Test func `A version that changes in the middle fails all its readers`() throws {
    let world = try FetchWorld { $0.partSize = 1 << 20 }
    let object = world.put("a", world.bytes(8 << 20))
    world.store.hold()
    let answers = (0..<Int64(8)).map { world.ask(object, $0 * mebi..<$0 * mebi + 10).answer }
    world.store.waitForRequests(8, .get)
    _ = world.put("a", world.bytes(8 << 20))
    world.store.release()
    for answer in answers {
      let result = answer.wait()
      #expect(throws: FetchFailure.changed) { try result.get() }
    }
    world.settle()
    for answer in answers { #expect(answer.count == 1) }
  }

  @Test func `Failures keep their kind, and the second READ fails at once`() throws {
    let world = try FetchWorld()
    let object = world.put("a", world.bytes(100))
    world.store.remove("a")
    let gone = world.ask(object, 0..<10).answer.wait()
    guard case .failure(.notFound) = gone else {
      Issue.record("\(gone)")
      return
    }
    let other = world.put("b", world.bytes(100))
    world.store.failNext(with: InMemoryStore.unavailable)
    guard case .failure(.unavailable) = world.ask(other, 0..<10).answer.wait() else {
      Issue.record("not unavailable")
      return
    }
    world.settle()
    let second = world.ask(other, 0..<10)
    #expect(second.pending == nil && second.answer.count == 1)
    world.time.advance(by: .seconds(1))
    let third = try world.read(other, 0..<10)
    #expect(third.count == 10)
  }

  @Test func `A body that breaks keeps what came, and fails the rest`() throws {
    let world = try FetchWorld()
    let bytes = world.bytes(4 << 20)
    let object = world.put("a", bytes)
    world.store.failNextBody(after: 1 << 20)
    let (first, _) = world.ask(object, 0..<100)
    let (last, _) = world.ask(object, 3 * mebi..<3 * mebi + 100)
    _ = try first.wait().get()
    #expect(throws: FetchFailure.self) { try last.wait().get() }
    world.settle()
    world.time.advance(by: .seconds(2))
    world.store.resetCounts()
    let all = try world.readAll(object) == bytes
    #expect(all)
    world.settle()
    #expect(world.store.bytesSent == 3 << 20)
  }

  @Test func `In an outage readers wait, a signal frees them, and hits are served`() throws {
    let world = try FetchWorld()
    let cached = world.put("cached", world.bytes(1000))
    _ = try world.readAll(cached)
    world.settle()
    world.store.setOutage(.stalling)
    let object = world.put("far", world.bytes(4 << 20))
    let (answer, pending) = world.ask(object, 0..<1000)
    let (other, _) = world.ask(object, 0..<1000)
    #expect(answer.count == 0)
    let hit = try world.read(cached, 0..<1000)
    #expect(hit.count == 1000)
    pending?.interrupt()
    let interrupted = try #require(answer.value)
    #expect(throws: FetchFailure.interrupted) { try interrupted.get() }
    #expect(other.count == 0)
    world.store.setOutage(nil)
    _ = try other.wait().get()
    pending?.interrupt()
    #expect(answer.count == 1 && other.count == 1)
  }

  @Test func `The last reader's interrupt stops a large transfer, and a new reader starts anew`() throws {
    let world = try FetchWorld()
    let bytes = world.bytes(8 << 20)
    let object = world.put("far", bytes)
    world.store.holdBody(after: 1 << 20)
    let (answer, pending) = world.ask(object, 4 * mebi..<4 * mebi + 10)
    world.store.waitForHeldBodies(1)
    pending?.interrupt()
    #expect(answer.count == 1)
    world.settle()
    #expect(world.fetcher.statistics.openFetches == 0 && world.fetcher.statistics.budgetInUse == 0)
    world.store.releaseBodies()
    let all = try world.readAll(object) == bytes
    #expect(all)
    world.settle()
    // The first MiB came once.
    #expect(world.store.bytesSent == 8 << 20)
  }

  @Test func `Shutdown answers all that waits`() throws {
    let world = try FetchWorld()
    let object = world.put("far", world.bytes(4 << 20))
    let cached = world.put("cached", world.bytes(10))
    _ = try world.readAll(cached)
    world.settle()
    world.store.hold()
    let reads = (0..<10).map { _ in world.ask(object, 0..<10).answer }
    let opened = AnswerSlot<Result<ObjectReference, FetchFailure>>()
    _ = world.fetcher.open("far", priority: .demand, register: { _ in object }, opened.fill)
    world.fetcher.shutdown()
    for read in reads { #expect(throws: FetchFailure.self) { try read.wait().get() } }
    #expect(throws: FetchFailure.self) { try opened.wait().get() }
    #expect(world.fetcher.statistics.openFetches == 0)
    #expect(world.ask(object, 0..<10).answer.count == 1)
    let hit = try world.read(cached, 0..<10)
    #expect(hit.count == 10)
  }

  @Test func `A server without ranges is read right`() throws {
    let world = try FetchWorld { $0.partSize = 1 << 20 }
    let bytes = world.bytes(3 << 20)
    let object = world.put("a", bytes)
    world.store.setIgnoresRanges(true)
    let all = try world.readAll(object) == bytes
    #expect(all)
    let large = world.bytes(17 << 20)
    let other = world.put("b", large)
    let middle = try world.read(other, 9 * mebi..<9 * mebi + 10) == large[(9 << 20)..<((9 << 20) + 10)]
    #expect(middle)
  }

  @Test func `The budget is obeyed, and everybody is served`() throws {
    let world = try FetchWorld {
      $0.memory = 8 << 20
      $0.partSize = 1 << 20
    }
    let limit = world.fetcher.statistics.budgetLimit
    let contents = (0..<20).map { _ in world.bytes(1 << 20) }
    let objects = contents.enumerated().map { world.put(ObjectKey("c/\($0.offset)"), $0.element) }
    world.store.hold()
    let answers = objects.map { world.ask($0, 0..<mebi).answer }
    #expect(world.fetcher.statistics.budgetInUse == limit)
    #expect(world.store.count(.get) == Int(limit >> 20))
    #expect(world.fetcher.statistics.waitingReads == 20)
    world.fetcher.prefetch(world.put("p", world.bytes(100)), 0..<100)
    #expect(world.fetcher.statistics.prefetchesDropped == 1)
    world.store.release()
    for (answer, bytes) in zip(answers, contents) {
      let isSame = try answer.wait().get() == bytes
      #expect(isSame)
    }
    world.settle()
    #expect(world.store.count(.get) == 20)
    #expect(world.fetcher.statistics.budgetInUse == 0)
  }

  @Test func `A prefetch is used once and counted; a reader makes it demand`() throws {
    let world = try FetchWorld()
    let bytes = world.bytes(1 << 20)
    let object = world.put("a", bytes)
    world.fetcher.prefetch(object, 0..<mebi)
    world.fetcher.prefetch(object, 0..<mebi)
    world.settle()
    #expect(world.store.count(.get) == 1)
    #expect(world.store.requests.first?.priority == .prefetch)
    #expect(world.fetcher.statistics.bytesPrefetched == mebi)
    let all = try world.readAll(object) == bytes
    #expect(all)
    #expect(world.fetcher.statistics.prefetchedUsed == mebi)
    #expect(world.store.count(.get) == 1)

    world.store.hold()
    let other = world.put("b", bytes)
    world.fetcher.prefetch(other, 0..<mebi)
    let (answer, _) = world.ask(other, 0..<10)
    world.store.release()
    _ = try answer.wait().get()
    world.settle()
    #expect(world.store.count(.get) == 2)
    #expect(world.fetcher.statistics.bytesPrefetched == mebi)
  }

  @Test func `Prefetches give way to a reader, and their bytes come when they are read`() throws {
    let world = try FetchWorld {
      $0.memory = 8 << 20
      $0.partSize = 1 << 20
    }
    world.store.hold()
    let contents = (0..<4).map { _ in world.bytes(1 << 20) }
    let ahead = contents.enumerated().map { world.put(ObjectKey("ahead/\($0.offset)"), $0.element) }
    for object in ahead { world.fetcher.prefetch(object, 0..<mebi) }
    #expect(world.store.count(.get) == 4)
    let bytes = world.bytes(4 << 20)
    let object = world.put("now", bytes)
    let (answer, _) = world.ask(object, 0..<4 * mebi)
    world.store.waitForRequests(8, .get)
    world.store.release()
    let isSame = try answer.wait().get() == bytes
    #expect(isSame)
    for (object, bytes) in zip(ahead, contents) {
      let isSame = try world.read(object, 0..<mebi) == bytes
      #expect(isSame)
    }
    world.settle()
    #expect(world.fetcher.statistics.budgetInUse == 0 && world.fetcher.statistics.openFetches == 0)
  }

  @Test func `A reader that waits for room can be interrupted`() throws {
    let world = try FetchWorld {
      $0.memory = 4 << 20
      $0.partSize = 1 << 20
    }
    world.store.hold()
    let reads = (0..<6).map { index in
      world.ask(world.put(ObjectKey("c/\(index)"), world.bytes(1 << 20)), 0..<10)
    }
    #expect(world.store.count(.get) == 3)
    reads[5].pending?.interrupt()
    reads[0].pending?.interrupt()
    for index in [0, 5] {
      let result = try #require(reads[index].answer.value)
      #expect(throws: FetchFailure.interrupted) { try result.get() }
    }
    world.store.release()
    for index in 1..<5 { _ = try reads[index].answer.wait().get() }
    world.settle()
    #expect(world.store.count(.get, "c/5") == 0)
    #expect(world.fetcher.statistics.budgetInUse == 0)
  }

  @Test func `A sequential reader of a large object is read ahead of`() throws {
    let world = try FetchWorld()
    let bytes = world.bytes(24 << 20)
    let object = world.put("large", bytes)
    let all = try world.readAll(object) == bytes
    #expect(all)
    world.settle()
    let statistics = world.fetcher.statistics
    #expect(world.store.bytesSent == 24 << 20)
    #expect(world.store.count(.get) < 30)
    #expect(statistics.bytesFromRemote + statistics.bytesPrefetched == 24 << 20)
  }
}
