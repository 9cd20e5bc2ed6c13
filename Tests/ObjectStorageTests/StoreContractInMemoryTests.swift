import ObjectStorage
import Objects
import Platform
import TestSupport
import Testing

/// The controls of the store in memory, which other suites lean on.
@Suite("InMemoryStore") struct StoreContractInMemoryTests {
  let store = InMemoryStore()

  @Test("Held answers come on release, in the order that the test lets them through")
  func hold() {
    store.put("a", "1")
    store.put("b", "2")
    store.hold()
    let first = CollectingReceiver()
    let second = CollectingReceiver()
    store.get(GetRequest(key: "a", range: .whole), to: first)
    store.get(GetRequest(key: "b", range: .whole), to: second)
    store.waitForRequests(2)
    #expect(!first.contents.isOver && !second.contents.isOver)
    #expect(store.releaseOne { $0.key == "b" })
    #expect(second.wait().bytes == Array("2".utf8))
    #expect(!first.contents.isOver)
    store.release()
    #expect(first.wait().bytes == Array("1".utf8))
    #expect(store.count(.get) == 2)
    #expect(store.count(.get, "a") == 1)
  }

  @Test("A body held in the middle goes on with the bytes of its version when the object is replaced")
  func bodyHold() {
    let old = [UInt8](repeating: 1, count: 1000)
    let version = store.put("a", old)
    store.holdBody(after: 400)
    let receiver = CollectingReceiver()
    store.get(GetRequest(key: "a", range: .whole), to: receiver)
    store.waitForHeldBodies(1)
    #expect(receiver.wait(bytes: 400).bytes.count == 400)
    store.put("a", [UInt8](repeating: 2, count: 1000))
    #expect(store.getAndWait("b").failure?.kind == .notFound)
    store.releaseBodies()
    let contents = receiver.wait()
    #expect(contents.isComplete)
    #expect(contents.bytes == old)
    #expect(contents.head?.version == version)
    #expect(store.bytesSent == 1000)
  }

  @Test("Failures come by count and by key, before the head or in the body")
  func failures() {
    store.put("a", "12345")
    store.failNext(2, key: "a")
    #expect(store.getAndWait("a").failure?.kind == .unavailable)
    #expect(throws: StoreError.self) { try store.headAndWait("a").get() }
    store.failNextBody(after: 3)
    let broken = store.getAndWait("a")
    #expect(broken.bytes == Array("123".utf8))
    #expect(broken.failure?.status == 503)
    #expect(store.getAndWait("a").isComplete)
  }

  @Test("An outage stalls what is asked until it ends; what is cancelled is answered at once")
  func outage() {
    store.put("a", "1")
    store.setOutage(.stalling)
    let stalled = CollectingReceiver()
    let cancelled = CollectingReceiver()
    store.get(GetRequest(key: "a", range: .whole), to: stalled)
    store.get(GetRequest(key: "a", range: .whole), to: cancelled).cancel()
    #expect(cancelled.wait().failure?.kind == .cancelled)
    #expect(!stalled.contents.isOver)
    store.setOutage(nil)
    #expect(stalled.wait().isComplete)
    store.setOutage(.failing(InMemoryStore.unavailable))
    #expect(store.getAndWait("a").failure?.kind == .unavailable)
  }

  @Test("Demand goes before prefetch, and a promoted prefetch with it")
  func priorities() {
    let ended = Monitor<[ObjectKey]>([])
    store.hold()
    for name in ["p1", "p2", "d"] as [ObjectKey] {
      let transfer = store.head(name, priority: name == "d" ? .demand : .prefetch) { _ in
        ended.withLockNotifying { $0.append(name) }
      }
      if name == "p2" { transfer.promote() }
    }
    store.release()
    let order = ended.expect("three answers") { $0.count == 3 ? $0 : nil }
    #expect(order == ["p2", "d", "p1"])
  }
}
