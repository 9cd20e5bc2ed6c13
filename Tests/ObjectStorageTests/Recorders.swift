import Objects
import Platform
import TestSupport

@testable import ObjectStorage

/// Keeps what a GET brings; `wait` gives it when it has ended.
final class RecordingReceiver: GetReceiver {
  struct Record: Sendable {
    var heads: [GetHead] = []
    var bytes: [UInt8] = []
    var ends = 0
    var failure: StoreError?

    /// "ok", or the kind of the failure.
    var outcome: String { failure.map { "\($0.kind)" } ?? "ok" }
  }

  private let state = Monitor(Record())
  /// Called after each piece.
  private let onAppend: @Sendable () -> Void

  init(onAppend: @escaping @Sendable () -> Void = {}) { self.onAppend = onAppend }

  func begin(_ head: GetHead) { state.withLockNotifying { $0.heads.append(head) } }
  func append(_ bytes: UnsafeRawBufferPointer) {
    state.withLockNotifying { $0.bytes += bytes }
    onAppend()
  }
  func end(_ failure: StoreError?) {
    state.withLockNotifying {
      $0.ends += 1
      $0.failure = failure
    }
  }

  var record: Record { state.withLock { $0 } }
  func wait() -> Record { state.wait { $0.ends > 0 ? $0 : nil } }
  func waitForBytes(_ count: Int) { state.wait { $0.bytes.count >= count ? () : nil } }
}

/// A value that comes later, from another thread.
final class Answer<Value: Sendable>: Sendable {
  private let state = Monitor<[Value]>([])
  func set(_ value: Value) { state.withLockNotifying { $0.append(value) } }
  func wait() -> Value { state.wait { $0.first } }
  var count: Int { state.withLock { $0.count } }
}

/// Gives the credentials it was told to, and counts.
final class ScriptedCredentials: CredentialSource {
  private let state: Monitor<(list: [Credentials], invalidations: Int)>
  private let failure: StoreError?

  init(_ list: [Credentials] = [], failure: StoreError? = nil) {
    state = Monitor((list, 0))
    self.failure = failure
  }

  func credentials(_ completion: @escaping @Sendable (Result<Credentials?, StoreError>) -> Void) {
    if let failure { return completion(.failure(failure)) }
    completion(.success(state.withLock { $0.list.first }))
  }

  func invalidate() {
    state.withLock {
      $0.invalidations += 1
      if $0.list.count > 1 { $0.list.removeFirst() }
    }
  }

  var invalidations: Int { state.withLock { $0.invalidations } }
}

/// A running loop, a server and what a store needs, for one test.
final class World: Sendable {
  let server: HTTPTestServer
  let loop: TransferLoop
  let statistics = StoreStatistics()
  var client: HTTPClient { HTTPClient(loop: loop) }

  init(
    _ configure: (inout TransferLoop.Options) -> Void = { _ in }, _ handler: @escaping HTTPTestServer.Handler
  ) throws {
    server = try HTTPTestServer(handler)
    var options = TransferLoop.Options()
    options.usesProxies = false
    // A loaded machine's silence is no stall, nor its slow accept a failure.
    options.connectTimeout = .seconds(60)
    options.stallTime = .seconds(60)
    configure(&options)
    loop = TransferLoop(options: options)
    try loop.start()
  }

  func end() {
    loop.stop()
    server.stop()
  }

  func s3(
    credentials: ScriptedCredentials = ScriptedCredentials(), _ configure: (inout S3Store.Options) -> Void = { _ in }
  ) throws -> S3Store {
    var options = S3Store.Options(bucket: "bucket")
    options.endpoint = server.url
    configure(&options)
    return try S3Store(
      options, client: client, credentials: credentials, statistics: statistics, time: ManualTimeSource())
  }

  func http(_ path: String = "/", login: (String, String)? = nil) -> HTTPStore {
    var base = SourceURL.HTTPBase(scheme: "http", authority: "127.0.0.1:\(server.port)", path: path)
    base.user = login?.0
    base.password = login?.1
    return HTTPStore(base, client: client, statistics: statistics, time: ManualTimeSource())
  }
}

extension ObjectStore {
  func get(_ key: ObjectKey, _ range: GetRequest.Range = .whole, expected: ObjectVersion? = nil)
    -> RecordingReceiver.Record
  {
    let receiver = RecordingReceiver()
    get(GetRequest(key: key, range: range, expected: expected), to: receiver)
    return receiver.wait()
  }

  func head(_ key: ObjectKey) -> Result<ObjectVersion, StoreError> {
    let answer = Answer<Result<ObjectVersion, StoreError>>()
    head(key, priority: .demand) { answer.set($0) }
    return answer.wait()
  }

  func list(_ request: ListRequest) -> Result<ListPage, StoreError> {
    let answer = Answer<Result<ListPage, StoreError>>()
    list(request) { answer.set($0) }
    return answer.wait()
  }
}

extension CheckableStore {
  /// "ready", "empty", "listingDenied", or the failure's kind; and the message, or the directories of the page.
  func check() -> (outcome: String, message: String) {
    let answer = Answer<Result<StoreCheck, StoreError>>()
    check { answer.set($0) }
    switch answer.wait() {
    case .success(.ready(let page)): return ("ready", (page?.prefixes ?? []).map(\.description).joined(separator: " "))
    case .success(.empty): return ("empty", "")
    case .success(.listingDenied(let error)): return ("listingDenied", error.message)
    case .failure(let error): return ("\(error.kind)", error.message)
    }
  }
}

extension Result where Failure == StoreError {
  var kind: String {
    if case .failure(let error) = self { return "\(error.kind)" }
    return "ok"
  }
  var value: Success? { try? get() }
}

func sampleBytes(_ count: Int) -> [UInt8] { (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ $0 >> 8) } }
