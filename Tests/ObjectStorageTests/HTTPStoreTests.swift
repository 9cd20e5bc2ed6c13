import Objects
import Platform
import TestSupport
import Testing

@testable import ObjectStorage

@Suite struct HTTPStoreTests {
  private let content = sampleBytes(1000)

  @Test func `ranges of a good server`() throws {
    let world = try World { [content] in .object(content, for: $0) }
    defer { world.end() }
    let store = world.http("/data/")
    for (range, expected) in [
      (GetRequest.Range.whole, Int64(0)..<1000), (.bytes(10..<20), 10..<20), (.bytes(990..<2000), 990..<1000),
      (.suffix(5), 995..<1000), (.suffix(5000), 0..<1000), (.bytes(5..<5), 5..<5), (.suffix(0), 1000..<1000),
    ] {
      let record = store.get("a b/c+d?e", range)
      #expect(record.outcome == "ok" && record.ends == 1)
      #expect(record.heads.map(\.range) == [expected])
      let isRight = record.bytes == Array(content[Int(expected.lowerBound)..<Int(expected.upperBound)])
      #expect(isRight)
      #expect(record.heads.first?.version.tag?.text ?? "" == "\"one\"")
      #expect(record.heads.first?.version.modified ?? 0 == 784_111_777_000)
    }
    #expect(world.server.requests.first?.target == "/data/a%20b/c%2Bd%3Fe")
    #expect(store.get("k", .bytes(1000..<1001)).outcome == "unsatisfiable(size: Optional(1000))")
    #expect(store.head("k").value?.size ?? 0 == 1000)
  }

  @Test func `an expected version is asked for and checked`() throws {
    let world = try World { [content] in .object(content, for: $0) }
    defer { world.end() }
    func version(_ tag: String?, modified: Int64 = 784_111_777_000) -> ObjectVersion {
      ObjectVersion(tag: tag.map { EntityTag($0) }, size: 1000, modified: modified)
    }
    let store = world.http()
    #expect(store.get("k", .bytes(0..<10), expected: version("\"one\"")).outcome == "ok")
    #expect(world.server.requests.last?[header: "If-Match"] == "\"one\"")
    #expect(store.get("k", .bytes(0..<10), expected: version("\"two\"")).outcome == "changed")
    #expect(store.get("k", .bytes(0..<10), expected: version("W/\"one\"")).outcome == "changed")
    #expect(world.server.requests.last?[header: "If-Match"] == nil, "weak tags cannot stand there")
    #expect(store.get("k", .bytes(0..<10), expected: version(nil)).outcome == "ok")
    #expect(store.get("k", .bytes(0..<10), expected: version(nil, modified: 5000)).outcome == "changed")
    #expect(world.statistics.snapshot.errors == 0)
  }

  @Test func `empty objects`() throws {
    let world = try World { .object([], for: $0) }
    defer { world.end() }
    for range in [GetRequest.Range.bytes(0..<100), .whole, .suffix(4)] {
      let record = world.http().get("k", range)
      #expect(record.outcome == "ok" && record.bytes.isEmpty)
      #expect(record.heads.map(\.range) == [0..<0] && record.heads.first?.version.size ?? 1 == 0)
      #expect(record.heads.first?.version.tag?.text ?? "" == "\"one\"")
    }
    #expect(world.http().get("k", .bytes(1..<2)).outcome == "unsatisfiable(size: Optional(0))")
  }

  @Test func `a server without ranges`() throws {
    let world = try World { [content] _ in
      .init(headers: [("Last-Modified", "Sun, 06 Nov 1994 08:49:37 GMT")], body: content)
    }
    defer { world.end() }
    let record = world.http().get("k", .bytes(10..<20))
    #expect(record.outcome == "ok" && record.heads.map(\.range) == [0..<1000])
    let isRight = record.bytes == content
    #expect(isRight)
    #expect(record.heads.first?.version.tag == nil)
  }

  @Test func `a server without HEAD is asked for a byte`() throws {
    let world = try World { [content] request in
      switch (request.method, request.path) {
      case ("HEAD", _): .init(request.path == "/a" ? 405 : 501)
      case (_, "/plain"): .init(body: content)
      case (_, "/empty"): .object([], for: request)
      case (_, "/gone"): .init(404)
      default: .object(content, for: request)
      }
    }
    defer { world.end() }
    let store = world.http()
    #expect(store.head("a").value?.size ?? -1 == 1000)
    #expect(store.head("plain").value?.size ?? -1 == 1000)
    #expect(store.head("empty").value?.size ?? -1 == 0)
    #expect(store.head("gone").kind == "notFound")
    #expect(world.server.requests.filter { $0.method == "HEAD" }.count == 1, "it is remembered")
    #expect(world.statistics.snapshot.heads == 1 && world.statistics.snapshot.gets == 4)
  }

  @Test func `responses that break their word`() throws {
    let world = try World { [content] request in
      switch request.path {
      case "/short": .init(body: content, fault: .truncate(after: 500))
      case "/shorter": .init(body: Array(content[..<400]), declaredLength: 1000)
      case "/nolength": .init(body: content, declaredLength: -1)
      case "/other": .init(206, headers: [("Content-Range", "bytes 5-14/1000")], body: Array(content[5..<15]))
      case "/long":
        .init(206, headers: [("Content-Range", "bytes 0-9/1000")], body: Array(content[..<50]), declaredLength: -1)
      case "/few":
        .init(206, headers: [("Content-Range", "bytes 0-9/1000")], body: Array(content[..<5]), declaredLength: -1)
      case "/two":
        .init(206, headers: [("Content-Range", "bytes 0-9/1000"), ("ETag", "\"two\"")], body: Array(content[..<10]))
      case "/busy": .init(503, headers: [("Retry-After", "3")], text: "<html>")
      default: .init(404)
      }
    }
    defer { world.end() }
    let store = world.http()
    let short = store.get("short", .whole)
    #expect(short.outcome == "unavailable" && short.bytes.count == 500 && short.heads.count == 1)
    #expect(store.get("shorter", .whole).outcome == "unavailable")
    #expect(store.get("nolength", .whole).outcome == "garbled")
    #expect(store.head("nolength").kind == "garbled")
    #expect(store.get("other", .bytes(0..<10)).outcome == "garbled")
    let long = store.get("long", .bytes(0..<10))
    #expect(long.outcome == "garbled" && long.bytes.count == 10)
    #expect(store.get("few", .bytes(0..<10)).outcome == "unavailable")
    let one = ObjectVersion(tag: EntityTag("\"one\""), size: 1000, modified: 0)
    let two = store.get("two", .bytes(0..<10), expected: one)
    #expect(two.outcome == "changed" && two.bytes.isEmpty && two.heads.isEmpty)
    let busy = store.get("busy", .whole)
    #expect(busy.outcome == "unavailable" && busy.failure?.retryAfter?.milliseconds ?? 0 == 3000)
    #expect(store.get("gone", .whole).outcome == "notFound")
    #expect(store.list(ListRequest(prefix: "")).kind == "rejected" && !store.canList)
  }

  @Test func `a login stays with its host`() throws {
    let other = try HTTPTestServer { [content] in .object(content, for: $0) }
    defer { other.stop() }
    let target = other.url
    let world = try World { [content] request in
      switch request.path {
      case "/away": .init(302, headers: [("Location", target + "/x?y")])
      case "/here": .init(307, headers: [("Location", "/plain")])
      default: .object(content, for: request)
      }
    }
    defer { world.end() }
    let store = world.http(login: ("user", "secret"))
    #expect(store.get("away", .bytes(0..<10)).outcome == "ok")
    #expect(store.get("here", .bytes(0..<10)).outcome == "ok")
    #expect(world.server.requests.allSatisfy { $0[header: "Authorization"] == "Basic dXNlcjpzZWNyZXQ=" })
    #expect(other.requests.count == 1)
    #expect(other.requests.allSatisfy { $0[header: "Authorization"] == nil && $0[header: "Range"] == "bytes=0-9" })
  }

  @Test func `checks at mount`() throws {
    let world = try World { .init($0.path == "/private/" ? 401 : $0.path == "/broken/" ? 500 : 404) }
    #expect(world.http("/any/").check().outcome == "ready")
    #expect(world.http("/private/").check().outcome == "forbidden")
    #expect(world.http("/broken/").check().outcome == "unavailable")
    world.server.stop()
    let refused = world.http("/").check()
    #expect(refused.outcome == "unavailable" && refused.message.contains("no connection to 127.0.0.1"))
    world.loop.stop()
  }
}
