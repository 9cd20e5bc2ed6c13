import Fetch
import Objects
import Testing

@Suite struct WindowCacheTests {
  private let one = InodeNumber(70_001)
  private let two = InodeNumber(70_002)

  @Test func `Bounded by bytes; the one unused for longest goes first`() {
    var windows = WindowCache<String>(capacity: 100)
    #expect(windows.insert("a", of: one, range: 0..<40, bytes: 40).isEmpty)
    #expect(windows.insert("b", of: two, range: 0..<40, bytes: 40).isEmpty)
    #expect(windows.use(one, 10..<20).map(\.content) == ["a"])
    #expect(windows.insert("c", of: one, range: 40..<80, bytes: 40) == ["b"])
    #expect(windows.use(two, 0..<40).isEmpty)
    #expect(windows.use(one, 30..<50).map(\.content) == ["a", "c"])
    #expect(windows.bytes == 80)
    #expect(windows.removeAll() == ["a", "c"])
    #expect(windows.bytes == 0)
  }

  @Test func `What is larger than all of it, or empty, is not kept`() {
    var windows = WindowCache<String>(capacity: 100)
    #expect(windows.insert("a", of: one, range: 0..<101, bytes: 101) == ["a"])
    #expect(windows.insert("b", of: one, range: 5..<5, bytes: 10) == ["b"])
    #expect(windows.count == 0)
  }
}

@Suite struct PrefetchLedgerTests {
  private let one = InodeNumber(70_001)

  @Test func `Each prefetched byte is used once, or wasted`() {
    var ledger = PrefetchLedger(capacity: 1)
    let hit1 = ledger.read(0..<10, of: one)
    #expect(!hit1)
    ledger.fetched(0..<10, of: one, key: "a")
    ledger.fetched(10..<20, of: one, key: "a")
    let hit2 = ledger.read(5..<15, of: one)
    #expect(hit2)
    let hit3 = ledger.read(5..<15, of: one)
    #expect(!hit3)
    #expect(ledger.used == 10)
    ledger.fetched(0..<4, of: InodeNumber(70_002), key: "b")
    #expect(ledger.wasted == 10)
    let hit4 = ledger.read(0..<20, of: one)
    #expect(!hit4)
  }

  @Test func `What is evicted unread is waste, what a reader overtook is not`() {
    var ledger = PrefetchLedger()
    ledger.fetched(0..<10, of: one, key: "a")
    _ = ledger.read(0..<4, of: one)
    let unread = ledger.evicted(one)
    #expect(unread?.key == "a" && unread?.ranges == ByteRangeSet([4..<10]))
    let again = ledger.evicted(one)
    #expect(again == nil)
    #expect(ledger.wasted == 6)
    ledger.overtaken(5)
    #expect(ledger.used == 9 && ledger.wasted == 6)
  }
}
