import CCurl
import Objects
import Platform
import TestSupport
import Testing

@testable import ObjectStorage

@Suite struct TransferLoopTests {
  private func send(_ world: World, _ request: HTTPRequest, limit: Int = 1 << 20) -> Result<
    HTTPClient.Response, HTTPFailure
  > {
    let answer = Answer<Result<HTTPClient.Response, HTTPFailure>>()
    world.client.send(request, limit: limit) { answer.set($0) }
    return answer.wait()
  }

  private func failure(_ result: Result<HTTPClient.Response, HTTPFailure>) -> String {
    if case .failure(let failure) = result { return "\(failure.kind)" }
    return "ok"
  }

  @Test func `methods, headers and bodies`() throws {
    let world = try World { request in
      .init(
        201, headers: [("X-Method", request.method), ("X-Length", request[header: "Content-Length"] ?? "none")],
        body: request.body)
    }
    defer { world.end() }
    for (method, body) in [(HTTPRequest.Method.get, ""), (.post, "a=b"), (.put, ""), (.put, "xyz")] {
      let request = HTTPRequest(
        method, world.server.url + "/x y?q=1", headers: [("X-A", "1\r\nX-B: 2")], body: Array(body.utf8))
      let response = try send(
        world,
        HTTPRequest(method, request.url.replacing(" ", with: "%20"), headers: request.headers, body: request.body)
      ).get()
      #expect(response.head.status == 201 && response.head["x-method"] == method.rawValue)
      #expect(response.body == Array(body.utf8))
      #expect(response.head["x-length"] == (method == .get ? "none" : "\(body.utf8.count)"))
    }
    let request = try #require(world.server.requests.first)
    #expect(request[header: "Accept-Encoding"] == "identity")
    #expect(request[header: "User-Agent"] == "zarrfs")
    #expect(request[header: "X-A"] == "1X-B: 2" && request[header: "X-B"] == nil)
    #expect(world.server.connectionCount == 1, "the connection is kept")
  }

  @Test func `what curl says of a proxy it cannot use holds no password`() {
    let words = HTTPFailure(
      code: CURLE_COULDNT_RESOLVE_PROXY,
      message: "Unsupported proxy syntax in 'http://u:hush@h:99999': Port number was bad")
    #expect(words.kind == .proxy && words.message == "Unsupported proxy syntax in '…'")
    let bare = HTTPFailure(code: CURLE_COULDNT_CONNECT, message: "u:hush@h is none")
    #expect(!bare.message.contains("hush") && !bare.message.isEmpty)
    #expect(HTTPFailure(code: CURLE_COULDNT_CONNECT, message: "Connection refused").message == "Connection refused")
  }

  @Test func `faults have their kinds`() throws {
    let world = try World { request in
      switch request.path {
      case "/close": .init(fault: .closeAtOnce)
      case "/head": .init(fault: .closeInHead)
      case "/short": .init(body: sampleBytes(1000), fault: .truncate(after: 10))
      case "/loop": .init(302, headers: [("Location", "/loop")])
      default: .init(body: sampleBytes(1000))
      }
    }
    defer { world.end() }
    let url = world.server.url
    #expect(failure(send(world, HTTPRequest(.get, url + "/close"))) == "broken")
    #expect(failure(send(world, HTTPRequest(.get, url + "/head"))) == "broken")
    #expect(failure(send(world, HTTPRequest(.get, url + "/short"))) == "broken")
    #expect(failure(send(world, HTTPRequest(.get, url + "/ok"), limit: 10)) == "malformed")
    #expect(failure(send(world, HTTPRequest(.get, url + "/loop", redirects: 3))) == "tooManyRedirects")
    #expect(failure(send(world, HTTPRequest(.get, "http://127.0.0.1:1/"))) == "connect")
    #expect(failure(send(world, HTTPRequest(.get, "http://no-such-host.invalid/"))) == "unknownHost")
    #expect(failure(send(world, HTTPRequest(.get, "ftp://127.0.0.1/x"))) == "malformed")
    #expect(failure(send(world, HTTPRequest(.get, url + "/ok"))) == "ok", "the loop goes on")
  }

  /// A loop of its own: a patience of a second would call any answer of a loaded machine a stall.
  @Test func `a stall is a timeout`() throws {
    let world = try World({ $0.stallTime = .seconds(1) }) { _ in
      .init(body: sampleBytes(1000), fault: .stall(after: 10))
    }
    defer { world.end() }
    #expect(failure(send(world, HTTPRequest(.get, world.server.url + "/"))) == "timedOut")
  }

  @Test func `at most so many at a time, demand first`() throws {
    let gate = Monitor((open: false, inside: 0, most: 0))
    let world = try World({ $0.maxConnections = 1 }) { request in
      gate.withLockNotifying {
        $0.inside += 1
        $0.most = max($0.most, $0.inside)
      }
      var response = HTTPTestServer.Response()
      response.beforeSending = {
        gate.wait { $0.open ? () : nil }
        gate.withLockNotifying { $0.inside -= 1 }
      }
      return response
    }
    defer { world.end() }
    let done = Answer<Result<HTTPClient.Response, HTTPFailure>>()
    func start(_ name: String, _ priority: TransferPriority) -> HTTPTransfer {
      world.client.send(HTTPRequest(.get, world.server.url + name, priority: priority)) { done.set($0) }
    }
    _ = start("/1", .demand)
    gate.wait { $0.inside == 1 ? () : nil }
    _ = start("/3", .prefetch)
    let promoted = start("/4", .prefetch)
    let cancelled = start("/5", .demand)
    _ = start("/6", .demand)
    promoted.promote()
    cancelled.cancel()
    // Timers are taken from the inbox last: when this one has run, the thread knows all of the above.
    let isTaken = Answer<Bool>()
    world.loop.after(.zero) { isTaken.set(true) }
    #expect(isTaken.wait())
    gate.withLockNotifying { $0.open = true }
    world.server.waitForRequests(4)
    let order = world.server.requests.map(\.path)
    #expect(order[0] == "/1" && Set(order[1..<3]) == ["/4", "/6"] && order[3] == "/3")
    #expect(gate.withLock { $0.most } == 1)
  }

  @Test func `stop ends what flies, what waits, and timers`() throws {
    let world = try World({ $0.maxConnections = 1 }) { _ in .init(body: sampleBytes(100), fault: .stall(after: 1)) }
    let answers = Monitor<[String]>([])
    for _ in 0..<3 {
      world.client.send(HTTPRequest(.get, world.server.url + "/")) { result in
        answers.withLock { $0.append("\(result)".contains("cancelled") ? "cancelled" : "other") }
        // What is asked for now is too late, and ends likewise.
        world.client.send(HTTPRequest(.get, "http://127.0.0.1:1/")) { _ in answers.withLock { $0.append("late") } }
      }
    }
    world.loop.after(.seconds(3600)) { answers.withLock { $0.append("timer") } }
    world.server.waitForRequests(1)
    world.loop.stop()
    #expect(
      answers.withLock { $0.sorted() } == ["cancelled", "cancelled", "cancelled", "late", "late", "late", "timer"])
    world.client.send(HTTPRequest(.get, "http://127.0.0.1:1/")) { _ in answers.withLock { $0.append("after") } }
    #expect(answers.withLock { $0.last } == "after")
    world.server.stop()
  }

  @Test func `a transfer is cancelled in mid-body`() throws {
    let world = try World { _ in .init(body: sampleBytes(100_000), fault: .stall(after: 50_000)) }
    defer { world.end() }
    let store = world.http()
    let receiver = RecordingReceiver()
    let transfer = store.get(GetRequest(key: "k", range: .whole), to: receiver)
    receiver.waitForBytes(50_000)
    transfer.cancel()
    transfer.cancel()
    #expect(receiver.wait().outcome == "cancelled")
    #expect(receiver.record.ends == 1)
  }

  @Test func `timers run in order of time`() throws {
    let world = try World { _ in .init() }
    let order = Monitor<[Int]>([])
    world.loop.after(.seconds(7200)) { order.withLockNotifying { $0.append(4) } }
    world.loop.after(.seconds(3600)) { order.withLockNotifying { $0.append(3) } }
    world.loop.after(.milliseconds(1)) { order.withLockNotifying { $0.append(1) } }
    world.loop.after(.milliseconds(2)) { order.withLockNotifying { $0.append(2) } }
    #expect(order.wait { $0.count >= 2 ? $0 : nil } == [1, 2])
    // The rest is not due; the stop runs it, in the same order.
    world.end()
    #expect(order.withLock { $0 } == [1, 2, 3, 4])
  }

  @Test func `a hundred transfers over a few connections`() throws {
    let content = sampleBytes(200_000)
    let world = try World({ $0.maxConnections = 8 }) { .object(content, for: $0) }
    defer { world.end() }
    let store = world.http()
    let receivers = (0..<100).map { _ in RecordingReceiver() }
    for (index, receiver) in receivers.enumerated() {
      let start = Int64(index) * 1000
      store.get(GetRequest(key: "k", range: .bytes(start..<(start + 100_000))), to: receiver)
    }
    var isRight = true
    for (index, receiver) in receivers.enumerated() {
      let record = receiver.wait()
      if record.outcome != "ok" || record.bytes != Array(content[(index * 1000)..<(index * 1000 + 100_000)]) {
        isRight = false
      }
    }
    #expect(isRight)
    #expect(world.server.connectionCount <= 8)
    #expect(world.statistics.snapshot.gets == 100 && world.statistics.snapshot.bytesReceived == 10_000_000)
  }
}
