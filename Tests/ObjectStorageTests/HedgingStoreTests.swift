import Objects
import Platform
import TestSupport
import Testing

@testable import ObjectStorage

/// A store whose GETs a test answers by hand.
private final class HandedStore: ObjectStore {
  final class Get: Transfer {
    let request: GetRequest
    let receiver: any GetReceiver
    private let events = Monitor<[String]>(["asked"])
    /// What the caller did to it.
    var calls: [String] { events.withLock { Array($0.dropFirst()) } }

    init(_ request: GetRequest, _ receiver: any GetReceiver) {
      self.request = request
      self.receiver = receiver
    }

    func cancel() { events.withLock { $0.append("cancel") } }
    func promote() { events.withLock { $0.append("promote") } }
  }

  private let state = Monitor<[Get?]>([nil])
  let canList = true

  /// All that were asked, in order.
  var gets: [Get] { state.withLock { $0.compactMap(\.self) } }
  /// As a server's end of connections: what was asked is forgotten.
  func forget() { state.withLock { $0 = [nil] } }

  func get(_ request: GetRequest, to receiver: any GetReceiver) -> any Transfer {
    let get = Get(request, receiver)
    state.withLock { $0.append(get) }
    return get
  }

  func head(
    _ key: ObjectKey, priority: TransferPriority,
    _ completion: @escaping @Sendable (Result<ObjectVersion, StoreError>) -> Void
  ) -> any Transfer { fatalError("no HEAD is made here") }

  func list(
    _ request: ListRequest, _ completion: @escaping @Sendable (Result<ListPage, StoreError>) -> Void
  ) -> any Transfer { fatalError("no LIST is made here") }
}

@Suite struct HedgingStoreTests {
  private let content = sampleBytes(100)
  private let request = GetRequest(
    key: "k", range: .bytes(10..<90), expected: ObjectVersion(tag: EntityTag("\"one\""), size: 100, modified: 0))
  private var head: GetHead { GetHead(version: request.expected!, range: 10..<90) }
  private let cancelled = StoreError(.cancelled, "cancelled")

  private struct Bench {
    let time = ManualTimeSource()
    let scheduler: ManualScheduler
    let inner = HandedStore()
    let statistics = StoreStatistics()
    let store: HedgingStore

    init() {
      scheduler = ManualScheduler(time)
      store = HedgingStore(inner, scheduler: scheduler, time: time, statistics: statistics)
    }

    /// So many GETs of which each head comes after 20 ms.
    func warm(_ request: GetRequest, _ head: GetHead, _ count: Int = 100) {
      for _ in 0..<count {
        store.get(request, to: RecordingReceiver())
        time.advance(by: .milliseconds(20))
        inner.gets[0].receiver.begin(head)
        inner.gets[0].receiver.end(nil)
        inner.forget()
      }
    }
  }

  private func send(_ get: HandedStore.Get) {
    get.receiver.begin(head)
    content[10..<90].withUnsafeBytes { get.receiver.append($0) }
    get.receiver.end(nil)
  }

  /// A warm bench, and a GET whose head is out for longer than usual: two are under way.
  private func hedged() -> (Bench, RecordingReceiver, any Transfer) {
    let bench = Bench()
    bench.warm(request, head)
    let receiver = RecordingReceiver()
    let transfer = bench.store.get(request, to: receiver)
    let began = bench.time.monotonic()
    while bench.scheduler.runNext() {}
    #expect(bench.time.monotonic() - began >= .milliseconds(500))
    return (bench, receiver, transfer)
  }

  @Test func `a GET whose head comes in time is made once`() {
    let bench = Bench()
    bench.warm(request, head, 300)
    let receiver = RecordingReceiver()
    bench.store.get(request, to: receiver)
    send(bench.inner.gets[0])
    while bench.scheduler.runNext() {}
    #expect(bench.inner.gets.count == 1)
    #expect(receiver.record.outcome == "ok" && receiver.record.bytes == Array(content[10..<90]))
    #expect(bench.statistics.snapshot.hedges == 0)
  }

  @Test func `before the hundredth GET none is made twice`() {
    let bench = Bench()
    bench.warm(request, head, 99)
    bench.store.get(request, to: RecordingReceiver())
    while bench.scheduler.runNext() {}
    #expect(bench.inner.gets.count == 1)
  }

  @Test func `after a head nothing is hedged`() {
    let bench = Bench()
    bench.warm(request, head)
    bench.store.get(request, to: RecordingReceiver())
    bench.inner.gets[0].receiver.begin(head)
    while bench.scheduler.runNext() {}
    #expect(bench.inner.gets.count == 1)
  }

  @Test(arguments: [0, 1])
  func `the faster one is the answer, and the other is cancelled`(_ winner: Int) {
    let (bench, receiver, _) = hedged()
    let gets = bench.inner.gets
    #expect(gets.count == 2)
    #expect(gets.allSatisfy { $0.request.range == request.range && $0.request.expected == request.expected })
    send(gets[winner])
    #expect(gets[1 - winner].calls.last == "cancel" && !gets[winner].calls.contains("cancel"))
    // What the slower one still says is not heard.
    send(gets[1 - winner])
    let record = receiver.record
    #expect(record.outcome == "ok" && record.ends == 1 && record.heads.count == 1)
    #expect(record.bytes == Array(content[10..<90]))
    #expect(bench.statistics.snapshot.hedges == 1 && bench.statistics.snapshot.hedgesWon == winner)
  }

  @Test(arguments: [0, 1])
  func `the failure of one waits for the other`(_ failing: Int) {
    let (bench, receiver, _) = hedged()
    let gets = bench.inner.gets
    gets[failing].receiver.end(StoreError(.notFound, ""))
    #expect(receiver.record.ends == 0)
    send(gets[1 - failing])
    #expect(receiver.record.outcome == "ok" && receiver.record.ends == 1)
  }

  @Test func `both fail with what came first`() {
    let (bench, receiver, _) = hedged()
    bench.inner.gets[1].receiver.end(StoreError(.unavailable, ""))
    bench.inner.gets[0].receiver.end(StoreError(.forbidden, ""))
    #expect(receiver.record.outcome == "unavailable" && receiver.record.ends == 1)
  }

  @Test func `a cancellation and a promotion go to both`() {
    let (bench, receiver, transfer) = hedged()
    let gets = bench.inner.gets
    let before = gets.map(\.calls.count)
    transfer.promote()
    #expect(zip(gets, before).allSatisfy { $0.calls.count == $1 + 1 && $0.calls.last == "promote" })
    transfer.cancel()
    #expect(gets.allSatisfy { $0.calls.last == "cancel" })
    gets[0].receiver.end(cancelled)
    #expect(receiver.record.ends == 0)
    gets[1].receiver.end(cancelled)
    #expect(receiver.record.outcome == "cancelled" && receiver.record.ends == 1)
  }

  @Test func `cancelled before the wait is over, it is not made again`() {
    let bench = Bench()
    bench.warm(request, head)
    let receiver = RecordingReceiver()
    bench.store.get(request, to: receiver).cancel()
    bench.inner.gets[0].receiver.end(cancelled)
    while bench.scheduler.runNext() {}
    #expect(bench.inner.gets.count == 1 && receiver.record.outcome == "cancelled")
  }

  @Test func `nothing of a GET that has ended is held`() {
    let bench = Bench()
    bench.warm(request, head)
    weak var receiver: RecordingReceiver?
    weak var loser: HandedStore.Get?
    do {
      let made = RecordingReceiver()
      receiver = made
      bench.store.get(request, to: made)
      while bench.scheduler.runNext() {}
      let gets = bench.inner.gets
      loser = gets[0]
      send(gets[1])
      gets[0].receiver.end(cancelled)
      bench.inner.forget()
    }
    #expect(receiver == nil && loser == nil)
  }

  @Test func `the retries are above it: a hedged GET that breaks goes on where it broke`() {
    let bench = Bench()
    bench.warm(request, head)
    let retrying = RetryingStore(
      bench.store, policy: RetryPolicy(), scheduler: bench.scheduler, time: bench.time, statistics: bench.statistics,
      log: .silent)
    let receiver = RecordingReceiver()
    retrying.get(request, to: receiver)
    while bench.scheduler.runNext() {}
    let second = bench.inner.gets[1]
    second.receiver.begin(head)
    content[10..<40].withUnsafeBytes { second.receiver.append($0) }
    bench.inner.gets[0].receiver.end(cancelled)
    second.receiver.end(StoreError(.unavailable, "broke"))
    while bench.inner.gets.count == 2, bench.scheduler.runNext() {}
    let rest = bench.inner.gets[2]
    #expect(rest.request.range == .bytes(40..<90))
    rest.receiver.begin(GetHead(version: request.expected!, range: 40..<90))
    content[40..<90].withUnsafeBytes { rest.receiver.append($0) }
    rest.receiver.end(nil)
    let record = receiver.record
    #expect(record.outcome == "ok" && record.heads.count == 1 && record.bytes == Array(content[10..<90]))
  }
}

/// Over the transfer thread and a server that holds what it is told to.
@Suite struct HedgingOverHTTPTests {
  @Test func `a held request is overtaken`() throws {
    let body = sampleBytes(3000)
    let gate = Monitor((asked: 0, isOpen: false))
    let world = try World { request in
      let isHeld =
        request.path == "/slow"
        && gate.withLockNotifying { gate in
          gate.asked += 1
          return gate.asked == 1
        }
      var response = HTTPTestServer.Response.object(body, for: request)
      if isHeld { response.beforeSending = { gate.expect("the end of the test") { $0.isOpen ? () : nil } } }
      return response
    }
    defer { world.end() }
    let store = HedgingStore(
      world.http(), scheduler: world.loop, time: SystemTimeSource(), statistics: world.statistics)
    for _ in 0..<110 { #expect(store.get("fast", .bytes(0..<8000)).outcome == "ok") }
    let receiver = RecordingReceiver()
    store.get(GetRequest(key: "slow", range: .bytes(0..<8000)), to: receiver)
    let record = receiver.wait()
    #expect(record.outcome == "ok" && record.bytes == body && record.ends == 1)
    gate.withLockNotifying { $0.isOpen = true }
    world.loop.stop()
    #expect(gate.withLock { $0.asked } == 2)
    #expect(world.statistics.snapshot.hedges >= 1 && world.statistics.snapshot.hedgesWon >= 1)
  }
}
