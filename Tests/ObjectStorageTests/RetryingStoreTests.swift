import Objects
import Platform
import TestSupport
import Testing

@testable import ObjectStorage

/// A store whose every GET does the next thing of a script, on the caller's stack.
private final class ScriptedStore: ObjectStore {
  enum Step {
    /// Says this head, sends so many of the bytes, and ends so.
    case body(GetHead, send: Int, StoreError?)
    case fail(StoreError)
    /// Never answers, but to a cancellation.
    case hang
  }

  private final class Hung: Transfer {
    let receiver: (any GetReceiver)?
    init(_ receiver: (any GetReceiver)?) { self.receiver = receiver }
    func cancel() { receiver?.end(StoreError(.cancelled, "")) }
    func promote() {}
  }

  let content: [UInt8]
  private let state: Monitor<(steps: [Step], requests: [GetRequest], heads: Int)>

  init(_ content: [UInt8], _ steps: [Step]) {
    self.content = content
    state = Monitor((steps, [], 0))
  }

  let canList = true
  var requests: [GetRequest] { state.withLock { $0.requests } }
  var others: Int { state.withLock { $0.heads } }

  func get(_ request: GetRequest, to receiver: any GetReceiver) -> any Transfer {
    let step = state.withLock { state -> Step in
      state.requests.append(request)
      return state.steps.isEmpty ? .hang : state.steps.removeFirst()
    }
    switch step {
    case .fail(let error): receiver.end(error)
    case .body(let head, let count, let failure):
      receiver.begin(head)
      let start = Int(head.range.lowerBound)
      content[start..<(start + count)].withUnsafeBytes { receiver.append($0) }
      receiver.end(failure)
    case .hang: return Hung(receiver)
    }
    return Hung(nil)
  }

  private func failure() -> StoreError? {
    state.withLock { state in
      state.heads += 1
      if case .fail(let error)? = state.steps.isEmpty ? nil : state.steps.removeFirst() { return error }
      return nil
    }
  }

  func head(
    _ key: ObjectKey, priority: TransferPriority,
    _ completion: @escaping @Sendable (Result<ObjectVersion, StoreError>) -> Void
  ) -> any Transfer {
    completion(failure().map { .failure($0) } ?? .success(ObjectVersion(tag: nil, size: 1, modified: 0)))
    return Hung(nil)
  }

  func list(
    _ request: ListRequest, _ completion: @escaping @Sendable (Result<ListPage, StoreError>) -> Void
  ) -> any Transfer {
    completion(failure().map { .failure($0) } ?? .success(ListPage()))
    return Hung(nil)
  }
}

@Suite struct RetryingStoreTests {
  private let content = sampleBytes(100)
  private let broken = StoreError(.unavailable, "broke")

  private struct Bench {
    let time = ManualTimeSource()
    let scheduler: ManualScheduler
    let inner: ScriptedStore
    let statistics = StoreStatistics()
    let store: RetryingStore

    init(_ content: [UInt8], _ steps: [ScriptedStore.Step]) {
      scheduler = ManualScheduler(time)
      inner = ScriptedStore(content, steps)
      store = RetryingStore(
        inner, policy: RetryPolicy(), scheduler: scheduler, time: time, statistics: statistics, log: .silent)
    }

    func run(_ receiver: RecordingReceiver) -> RecordingReceiver.Record {
      while receiver.record.ends == 0, scheduler.runNext() {}
      return receiver.record
    }
  }

  private func head(_ range: ByteRange, tag: String = "\"one\"") -> GetHead {
    GetHead(version: ObjectVersion(tag: EntityTag(tag), size: 100, modified: 0), range: range)
  }

  @Test func `a broken body goes on where it broke`() {
    let bench = Bench(
      content,
      [
        .fail(broken), .body(head(10..<90), send: 30, broken), .fail(broken), .body(head(40..<90), send: 1, nil),
        .body(head(41..<90), send: 49, nil),
      ])
    let receiver = RecordingReceiver()
    bench.store.get(GetRequest(key: "k", range: .bytes(10..<90)), to: receiver)
    let record = bench.run(receiver)
    #expect(record.outcome == "ok" && record.ends == 1 && record.heads.count == 1)
    let isRight = record.bytes == Array(content[10..<90])
    #expect(isRight)
    let requests = bench.inner.requests
    #expect(
      requests.map(\.range) == [.bytes(10..<90), .bytes(10..<90), .bytes(40..<90), .bytes(40..<90), .bytes(41..<90)])
    #expect(requests.map { $0.expected?.tag?.text ?? "-" } == ["-", "-", "\"one\"", "\"one\"", "\"one\""])
    #expect(bench.statistics.snapshot.retries == 4)
  }

  @Test func `a server that begins anew is skipped over`() {
    let bench = Bench(content, [.body(head(0..<100), send: 30, broken), .body(head(0..<100), send: 100, nil)])
    let receiver = RecordingReceiver()
    bench.store.get(GetRequest(key: "k", range: .whole), to: receiver)
    let record = bench.run(receiver)
    let isRight = record.bytes == content
    #expect(isRight && record.outcome == "ok" && record.heads.count == 1)
  }

  @Test func `another version is never joined on`() {
    let bench = Bench(
      content, [.body(head(0..<100), send: 30, broken), .body(head(0..<100, tag: "\"two\""), send: 100, nil)])
    let receiver = RecordingReceiver()
    bench.store.get(GetRequest(key: "k", range: .whole), to: receiver)
    let record = bench.run(receiver)
    #expect(record.outcome == "changed" && record.bytes.count == 30 && record.ends == 1)
  }

  @Test func `a break after the last byte is none`() {
    let bench = Bench(content, [.body(head(0..<100), send: 100, broken)])
    let receiver = RecordingReceiver()
    bench.store.get(GetRequest(key: "k", range: .whole), to: receiver)
    #expect(bench.run(receiver).outcome == "ok")
  }

  @Test func `final answers are not repeated`() {
    let bench = Bench(content, [.fail(StoreError(.notFound, ""))])
    let receiver = RecordingReceiver()
    bench.store.get(GetRequest(key: "k", range: .whole), to: receiver)
    #expect(bench.run(receiver).outcome == "notFound")
    #expect(bench.inner.requests.count == 1)
  }

  @Test func `the deadline ends it`() {
    let bench = Bench(content, Array(repeating: .fail(broken), count: 10_000))
    let receiver = RecordingReceiver()
    let start = bench.time.monotonic()
    bench.store.get(GetRequest(key: "k", range: .whole), to: receiver)
    #expect(bench.run(receiver).outcome == "unavailable")
    #expect(bench.time.monotonic() - start == .seconds(120))
  }

  @Test func `progress renews the patience`() {
    var steps: [ScriptedStore.Step] = []
    for index in 0..<100 {
      // Each try brings a byte, and the next one fails for more than half of the time allowed.
      steps.append(.body(head(Int64(index)..<100), send: 1, index == 99 ? nil : broken))
      var late = broken
      late.retryAfter = .seconds(70)
      if index < 99 { steps.append(.fail(late)) }
    }
    let bench = Bench(content, steps)
    let receiver = RecordingReceiver()
    bench.store.get(GetRequest(key: "k", range: .whole), to: receiver)
    let record = bench.run(receiver)
    let isRight = record.bytes == content
    #expect(isRight && record.outcome == "ok")
  }

  @Test func `cancelled while waiting, and while hanging`() {
    let waiting = Bench(content, [.fail(broken)])
    let first = RecordingReceiver()
    waiting.store.get(GetRequest(key: "k", range: .whole), to: first).cancel()
    #expect(first.record.ends == 0, "never on the caller's stack")
    while waiting.scheduler.runNext() {}
    #expect(first.record.outcome == "cancelled" && first.record.ends == 1)
    #expect(waiting.inner.requests.count == 1)

    let hanging = Bench(content, [.hang])
    let second = RecordingReceiver()
    hanging.store.get(GetRequest(key: "k", range: .whole), to: second).cancel()
    #expect(second.record.outcome == "cancelled" && second.record.ends == 1)
  }

  @Test func `HEAD and LIST are repeated too`() {
    let bench = Bench(content, [.fail(broken), .fail(StoreError(.misconfigured, "")), .hang, .fail(broken)])
    let heads = Answer<String>()
    bench.store.head("k", priority: .demand) { heads.set($0.kind) }
    while heads.count == 0, bench.scheduler.runNext() {}
    #expect(heads.wait() == "ok" && bench.inner.others == 3)
    let lists = Answer<String>()
    bench.store.list(ListRequest(prefix: "")) { lists.set($0.kind) }
    while lists.count == 0, bench.scheduler.runNext() {}
    #expect(lists.wait() == "ok" && bench.inner.others == 5)
    #expect(bench.statistics.snapshot.retries == 3)
  }
}
