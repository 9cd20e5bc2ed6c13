import ObjectStorage
import Objects
import Platform
import TestSupport
import Testing

@Suite struct LoggingStoreTests {
  private let memory = InMemoryStore()
  private let lines = Monitor<[String]>([])
  private let store: LoggingStore

  init() {
    let log = Log(level: .debug) { [lines] _, line in lines.withLock { $0.append(line) } }
    store = LoggingStore(memory, time: ManualTimeSource(), log: log)
    memory.put("a/b", "12345")
  }

  private var written: [String] { lines.withLock { $0 } }

  @Test func aLineForEachRequest() throws {
    #expect(store.getAndWait("a/b").bytes == Array("12345".utf8))
    #expect(store.getAndWait("a/b", .bytes(1..<3)).bytes == Array("23".utf8))
    #expect(store.getAndWait("a/b", .suffix(2)).isComplete)
    #expect(try store.headAndWait("a/b").get().size == 5)
    #expect(try store.listAndWait(ListRequest(prefix: "a/")).get().objects.count == 1)
    #expect(
      written == [
        "request method=GET key=a/b priority=demand ms=0 bytes=5",
        "request method=GET key=a/b range=1-2 priority=demand ms=0 bytes=2",
        "request method=GET key=a/b range=-2 priority=demand ms=0 bytes=2",
        "request method=HEAD key=a/b priority=demand ms=0 size=5",
        "request method=LIST key=a/ delimiter=/ page=first priority=demand ms=0 objects=1 directories=0 more=no",
      ])
  }

  @Test func whatFailedSaysWhy() {
    memory.failNextBody(after: 3)
    let broken = store.getAndWait("a/b")
    #expect(broken.bytes == Array("123".utf8) && broken.failure?.status == 503)
    #expect(store.headAndWait("no\nthing").value == nil)
    #expect(written.count == 2)
    #expect(written[0].contains("answer=unavailable") && written[0].contains("status=503"))
    #expect(written[1].hasPrefix(#"request method=HEAD key=no\u{a}thing"#) && written[1].contains("answer=notFound"))
  }
}
