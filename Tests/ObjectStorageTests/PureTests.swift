import Objects
import Platform
import Testing

@testable import ObjectStorage

@Suite struct CivilTimeTests {
  @Test(arguments: [
    ("Sun, 06 Nov 1994 08:49:37 GMT", Int64(784_111_777_000)),
    ("Sunday, 06-Nov-94 08:49:37 GMT", 784_111_777_000),
    ("Sun Nov  6 08:49:37 1994", 784_111_777_000),
    ("Thu, 29 Feb 2024 23:59:59 GMT", 1_709_251_199_000),
  ])
  func `HTTP dates`(_ text: String, _ expected: Int64) {
    #expect(CivilTime(httpDate: text)?.wallTime.milliseconds == expected)
  }

  @Test(arguments: [
    "", "yesterday", "Sun, 06 Foo 1994 08:49:37 GMT", "Sun, 06 Nov 1994", "Sun, 99 Nov 1994 08:49:37 GMT", "-1",
  ])
  func `no HTTP dates`(_ text: String) { #expect(CivilTime(httpDate: text) == nil) }

  @Test(arguments: [
    ("2009-10-12T17:50:30.000Z", Int64(1_255_369_830_000)), ("2009-10-12T17:50:30Z", 1_255_369_830_000),
    ("2009-10-12T17:50:30.04Z", 1_255_369_830_040), ("2009-10-12T17:50:30.123456Z", 1_255_369_830_123),
    ("1969-12-31T23:59:59.999Z", -1),
  ])
  func `ISO 8601`(_ text: String, _ expected: Int64) {
    #expect(CivilTime(iso8601: text)?.wallTime.milliseconds == expected)
  }

  @Test func `round trip over four hundred years`() {
    var isRight = true
    for day in stride(from: Int64(-100_000), to: 100_000, by: 37) {
      let time = WallTime(milliseconds: day * 86_400_000 + 12_345_678)
      if CivilTime(time).wallTime != time { isRight = false }
    }
    #expect(isRight)
    #expect(CivilTime(WallTime(milliseconds: 1_767_225_600_000)).compact == "20260101T000000Z")
  }
}

@Suite struct SourceURLTests {
  @Test(arguments: [
    ("s3://bucket", SourceURL.s3(bucket: "bucket", prefix: "")),
    ("s3://bucket/", .s3(bucket: "bucket", prefix: "")),
    ("s3://bucket/a/b c%20", .s3(bucket: "bucket", prefix: "a/b c%20/")),
    ("S3://b.u-c_k/x/", .s3(bucket: "b.u-c_k", prefix: "x/")),
    ("gs://bucket/ü", .gcs(bucket: "bucket", prefix: "ü/")),
    ("file:///srv/data//", .file(path: "/srv/data")),
    ("file:///", .file(path: "/")),
    ("https://h.example", .http(.init(scheme: "https", authority: "h.example", path: "/"))),
    (
      "HTTPS://H.example:443/a b/%41?sig=x%2F&y",
      .http(.init(scheme: "https", authority: "h.example", path: "/a%20b/%41/", query: "sig=x%2F&y"))
    ),
    (
      "http://us%40er:p%3Aw:x@[::1]:8080/z/",
      .http(.init(scheme: "http", authority: "[::1]:8080", path: "/z/", user: "us@er", password: "p:w:x"))
    ),
  ])
  func `what can be mounted`(_ text: String, _ expected: SourceURL) throws { #expect(try SourceURL(text) == expected) }

  @Test(arguments: [
    ("bucket/prefix", "has no scheme"), ("", "has no scheme"), ("ftp://x/y", "unknown scheme ftp"),
    ("s3://", "names no bucket"), ("s3:///x", "names no bucket"), ("s3://user@host:9000/x", "bucket name"),
    ("s3://../x", "bucket name"), ("http:///x", "names no host"), ("http://h:port/", "valid port"),
    ("http://h:70000/", "valid port"), ("https://h:443:443/", "valid port"), ("https://h/a#b", "fragment"),
    ("file://host/dir", "absolute path"),
    ("http://u:%zz@h/", "%25"),
  ])
  func `what cannot says why`(_ text: String, _ part: String) {
    let error = #expect(throws: StoreError.self) { try SourceURL(text) }
    #expect(error?.kind == .misconfigured)
    #expect(error?.message.contains(part) == true)
  }

  @Test func `secrets stay out of texts`() throws {
    #expect(try SourceURL("https://u:secret@h/p?sig=secret").description == "https://h/p/")
    let error = #expect(throws: StoreError.self) { try SourceURL("https://u:secret@h/p?sig=secret#x") }
    #expect(error?.message.contains("secret") == false)
    #expect(HTTPRequest(.get, "https://u:secret@h/p?sig=secret").shownURL == "https://h/p")
  }
}

@Suite struct S3AddressTests {
  @Test(arguments: [
    ("bucket", nil as String?, S3Address.Style.automatic, "https://bucket.s3.eu-west-1.amazonaws.com/k%20"),
    ("my.bucket", nil, .automatic, "https://s3.eu-west-1.amazonaws.com/my.bucket/k%20"),
    ("my.bucket", nil, .virtualHost, "https://my.bucket.s3.eu-west-1.amazonaws.com/k%20"),
    ("bucket", nil, .path, "https://s3.eu-west-1.amazonaws.com/bucket/k%20"),
    ("bucket", "http://127.0.0.1:9000/", .automatic, "http://127.0.0.1:9000/bucket/k%20"),
    ("bucket", "https://h/base", .automatic, "https://h/base/bucket/k%20"),
    ("bucket", "https://h:443", .virtualHost, "https://bucket.h/k%20"),
  ])
  func addresses(_ bucket: String, _ endpoint: String?, _ style: S3Address.Style, _ expected: String) throws {
    let address = try S3Address(bucket: bucket, endpoint: endpoint, style: style)
    #expect(address.target(key: Array("k ".utf8), region: "eu-west-1").url(query: "") == expected)
  }

  @Test func `the bucket itself`() throws {
    let hosted = try S3Address(bucket: "b", endpoint: nil, style: .automatic)
    #expect(
      hosted.target(key: nil, region: "cn-north-1").url(query: "a=1") == "https://b.s3.cn-north-1.amazonaws.com.cn/?a=1"
    )
    let path = try S3Address(bucket: "b", endpoint: "http://h", style: .automatic)
    #expect(path.target(key: nil, region: "x").url(query: "") == "http://h/b")
  }

  @Test(arguments: ["h:9000", "ftp://h", "http://u:p@h", "http://h?x", "http://"])
  func `endpoints that are none`(_ endpoint: String) {
    #expect(throws: StoreError.self) { try S3Address(bucket: "b", endpoint: endpoint, style: .automatic) }
  }

  @Test func `regions from outside`() {
    #expect(S3Address.isRegion("eu-central-1"))
    for text in ["", "evil.example/", "a b", "EU", "x@y", "a\r\nb"] { #expect(!S3Address.isRegion(text)) }
  }
}

@Suite struct RetryPolicyTests {
  /// Repeatable (SplitMix64). A constant one would never end the standard library's rejection sampling.
  private struct Chance: RandomNumberGenerator {
    var state: UInt64 = 1
    mutating func next() -> UInt64 {
      state &+= 0x9E37_79B9_7F4A_7C15
      var mixed = state
      mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
      mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
      return mixed ^ (mixed >> 31)
    }
  }

  private let unavailable = StoreError(.unavailable, "")

  @Test(arguments: [(0, Int64(100)), (1, 200), (2, 400), (7, 12_800), (8, 20_000), (1000, 20_000)])
  func `waits double up to the cap`(_ attempt: Int, _ milliseconds: Int64) {
    var chance = Chance()
    let policy = RetryPolicy()
    var waits: [Int64] = []
    for _ in 0..<200 {
      guard
        case .retry(let wait) = policy.decision(after: unavailable, attempt: attempt, elapsed: .zero, using: &chance)
      else { continue }
      waits.append(wait.milliseconds)
    }
    #expect(waits.count == 200)
    let longest = waits.max() ?? 0
    let shortest = waits.min() ?? 0
    #expect(longest <= milliseconds && longest > milliseconds * 9 / 10)
    #expect(shortest < milliseconds / 10)
  }

  @Test func `the deadline caps the wait, then ends it`() {
    var chance = Chance()
    var error = unavailable
    error.retryAfter = .seconds(300)
    let policy = RetryPolicy()
    #expect(
      policy.decision(after: error, attempt: 0, elapsed: .seconds(100), using: &chance) == .retry(after: .seconds(20)))
    #expect(policy.decision(after: error, attempt: 0, elapsed: .seconds(120), using: &chance) == .giveUp)
    error.retryAfter = .seconds(7)
    #expect(policy.decision(after: error, attempt: 0, elapsed: .zero, using: &chance) == .retry(after: .seconds(7)))
  }

  @Test(arguments: [
    StoreError.Kind.notFound, .forbidden, .changed, .unsatisfiable(size: 3), .rejected, .cancelled,
  ])
  func `final answers`(_ kind: StoreError.Kind) {
    var chance = Chance()
    #expect(RetryPolicy().decision(after: StoreError(kind, ""), attempt: 0, elapsed: .zero, using: &chance) == .giveUp)
  }

  @Test func `a garbled answer is asked for a few more times`() {
    var chance = Chance()
    let garbled = StoreError(.garbled, "")
    for attempt in 0..<3 {
      #expect(RetryPolicy().decision(after: garbled, attempt: attempt, elapsed: .zero, using: &chance) != .giveUp)
    }
    #expect(RetryPolicy().decision(after: garbled, attempt: 3, elapsed: .zero, using: &chance) == .giveUp)
    #expect(RetryPolicy().decision(after: garbled, attempt: 0, elapsed: .seconds(120), using: &chance) == .giveUp)
  }

  @Test func `no end with an infinite timeout`() {
    var chance = Chance()
    var policy = RetryPolicy()
    policy.timeout = .infinite
    #expect(
      policy.decision(
        after: StoreError(.misconfigured, ""), attempt: 1_000_000, elapsed: .seconds(1_000_000), using: &chance)
        != .giveUp)
  }
}

@Suite struct TransferQueueTests {
  @Test func `demand goes before prefetch, in order`() {
    var queue = TransferQueue(limit: 2)
    queue.submit(1, .prefetch)
    queue.submit(2, .demand)
    queue.submit(3, .demand)
    #expect([queue.next(), queue.next(), queue.next()] == [2, 3, nil])
    queue.remove(2)
    #expect(queue.next() == 1)
  }

  @Test func `promotion and cancellation of what waits`() {
    var queue = TransferQueue(limit: 1)
    for id in 1...4 { queue.submit(UInt64(id), .prefetch) }
    queue.promote(3)
    queue.remove(1)
    var order: [UInt64] = []
    while let id = queue.next() {
      order.append(id)
      queue.remove(id)
    }
    #expect(order == [3, 2, 4])
    #expect(queue.waitingCount == 0 && queue.flyingCount == 0)
  }

  @Test func `prefetches leave places for demand`() {
    var queue = TransferQueue(limit: 8)
    for id in 1...20 { queue.submit(UInt64(id), .prefetch) }
    var started: [UInt64] = []
    while let id = queue.next() { started.append(id) }
    #expect(started.count == 6)
    queue.submit(100, .demand)
    #expect(queue.next() == 100)
    queue.promote(1)
    #expect(queue.next() == 7)
    #expect(queue.next() == nil)
  }
}

@Suite struct HeadParserTests {
  private func feed(_ parser: inout HTTPHeadParser, _ lines: String...) -> [HTTPHeadParser.Outcome] {
    lines.map { line in Array((line + "\r\n").utf8).withUnsafeBytes { parser.line($0) } }
  }

  @Test func `the final response counts`() {
    var parser = HTTPHeadParser(followsRedirects: true)
    let outcomes = feed(
      &parser, "HTTP/1.1 100 Continue", "", "HTTP/1.1 302 Found", "Location: /x", "ETag: \"old\"", "",
      "HTTP/2 206 ", "eTaG:  \"new\" ", "Empty:", "")
    #expect(outcomes.last == .complete && outcomes.dropLast().allSatisfy { $0 == .more })
    #expect(parser.head.status == 206)
    #expect(parser.head["etag"] == "\"new\"")
    #expect(parser.head["empty"] == "")
    #expect(parser.head["location"] == nil)
    #expect(feed(&parser, "Trailer: 1", "") == [.more, .more])
    #expect(parser.head["trailer"] == nil)
  }

  @Test func `a redirect is an answer where none is followed`() {
    var parser = HTTPHeadParser(followsRedirects: false)
    #expect(feed(&parser, "HTTP/1.1 301 Moved", "Location: /x", "").last == .complete)
  }

  @Test func `what is not HTTP, or too much of it`() {
    var parser = HTTPHeadParser(followsRedirects: false)
    #expect(feed(&parser, "HTTP/1.1 banana") == [.rejected])
    parser = HTTPHeadParser(followsRedirects: false)
    #expect(feed(&parser, "HTTP/1.1 200 OK", "X: " + String(repeating: "x", count: 300_000)).last == .rejected)
  }

  @Test(arguments: [
    ("10", Int64?(10)), ("-1", nil), ("+5", nil), ("1e3", nil), ("", nil), ("99999999999999999999", nil),
  ])
  func `content lengths`(_ text: String, _ expected: Int64?) {
    let length = HTTPResponseHead(status: 200, headers: [("content-length", text)]).contentLength
    #expect((length ?? -1) == (expected ?? -1))
  }

  @Test func `two lengths are none`() {
    let head = HTTPResponseHead(status: 200, headers: [("content-length", "1"), ("content-length", "2")])
    #expect((head.contentLength ?? -1) == -1)
  }
}

@Suite struct ObjectResponseTests {
  private let place = Place(HTTPRequest(.get, "https://h/k"))

  private func outcome(
    _ status: Int, _ headers: [(name: String, value: String)], _ range: GetRequest.Range,
    _ expected: ObjectVersion? = nil
  ) -> String {
    do throws(StoreError) {
      let request = GetRequest(key: "k", range: range, expected: expected)
      let head = try ObjectResponse.head(
        of: HTTPResponseHead(status: status, headers: headers), for: request, at: place)
      return "\(head.range) of \(head.version.size)"
    } catch { return "\(error.kind)" }
  }

  @Test func `parts are those asked for`() {
    func part(_ text: String, _ range: GetRequest.Range, length: String? = nil) -> String {
      outcome(206, [("content-range", text)] + (length.map { [("content-length", $0)] } ?? []), range)
    }
    #expect(part("bytes 0-9/100", .bytes(0..<10), length: "10") == "0..<10 of 100")
    #expect(part("bytes 0-4/5", .bytes(0..<10)) == "0..<5 of 5")
    #expect(part("bytes 95-99/100", .suffix(5)) == "95..<100 of 100")
    #expect(part("bytes 0-2/3", .suffix(5)) == "0..<3 of 3")
    #expect(part("bytes 0-9/100", .bytes(0..<10), length: "11") == "garbled")
    #expect(part("bytes 1-10/100", .bytes(0..<10)) == "garbled")
    #expect(part("bytes 0-8/100", .bytes(0..<10)) == "garbled")
    #expect(part("bytes 0-9/*", .bytes(0..<10)) == "garbled")
    #expect(part("bytes 9-0/100", .bytes(0..<10)) == "garbled")
    #expect(part("bytes 0-9/5", .bytes(0..<10)) == "garbled")
    #expect(part("bytes 5-9/10", .bytes(20..<30)) == "garbled")
    #expect(part("", .bytes(0..<10)) == "garbled")
    #expect(part("bytes 0-9/10", .whole) == "garbled")
  }

  @Test func `all of it is told as such`() {
    #expect(outcome(200, [("content-length", "7")], .bytes(2..<4)) == "0..<7 of 7")
    #expect(outcome(200, [], .whole) == "garbled")
    #expect(outcome(204, [("content-length", "0")], .whole) == "rejected")
  }

  @Test func `another version is a change`() {
    let one = ObjectVersion(tag: EntityTag("\"one\""), size: 7, modified: 0)
    let headers: [(name: String, value: String)] = [("content-length", "7"), ("etag", "\"two\"")]
    #expect(outcome(200, headers, .whole, one) == "changed")
    #expect(outcome(200, [("content-length", "7"), ("etag", "\"one\"")], .whole, one) == "0..<7 of 7")
    // The same tag and another size: one of the two is wrong, and it is not ours.
    #expect(outcome(200, [("content-length", "8"), ("etag", "\"one\"")], .whole, one) == "garbled")
  }

  @Test func `sameness without strong tags`() {
    func version(_ tag: String?, _ modified: Int64) -> ObjectVersion {
      ObjectVersion(tag: tag.map { EntityTag($0) }, size: 1, modified: modified)
    }
    #expect(ObjectResponse.isSame(version("W/\"a\"", 1000), as: version("W/\"a\"", 1999)))
    #expect(!ObjectResponse.isSame(version("W/\"a\"", 1000), as: version("W/\"a\"", 2000)))
    #expect(ObjectResponse.isSame(version("\"a\"", 1000), as: version("\"a\"", 2000)))
    #expect(ObjectResponse.isSame(version(nil, 1000), as: version("\"a\"", 1000)))
    #expect(!ObjectResponse.isSame(version(nil, 1000), as: version(nil, 5000)))
  }

  @Test(arguments: [
    (404, nil as String?, StoreError.Kind.notFound), (410, nil, .notFound), (404, "NoSuchBucket", .misconfigured),
    (404, "NoSuchKey", .notFound), (403, "AccessDenied", .forbidden), (403, "InvalidAccessKeyId", .misconfigured),
    (403, "SignatureDoesNotMatch", .misconfigured), (403, "RequestTimeTooSkewed", .misconfigured),
    (401, nil, .forbidden),
    (400, "ExpiredToken", .misconfigured), (400, "RequestTimeout", .unavailable), (412, nil, .changed),
    (408, nil, .unavailable), (409, nil, .unavailable), (429, nil, .unavailable), (500, nil, .unavailable),
    (502, nil, .unavailable),
    (503, "SlowDown", .unavailable), (504, nil, .unavailable), (501, nil, .rejected), (400, nil, .rejected),
    (301, nil, .rejected),
  ])
  func `statuses`(_ status: Int, _ code: String?, _ kind: StoreError.Kind) {
    let body = code.map { Array("<?xml version=\"1.0\"?><Error><Code>\($0)</Code><Message>m</Message></Error>".utf8) }
    let reply = ErrorReply(head: HTTPResponseHead(status: status), body: body ?? [])
    let error = place.error(reply, now: WallTime(milliseconds: 0))
    #expect(error.kind == kind)
    #expect(error.status ?? 0 == status)
    if let code { #expect(error.message.contains(code)) }
  }

  @Test func `Retry-After in seconds and as a date`() {
    let now = CivilTime(year: 2024, month: 2, day: 29).wallTime
    #expect(Place.retryAfter("7", now: now)?.milliseconds ?? -1 == 7000)
    #expect(Place.retryAfter("Thu, 29 Feb 2024 00:00:09 GMT", now: now)?.milliseconds ?? -1 == 9000)
    #expect(Place.retryAfter("Wed, 28 Feb 2024 00:00:09 GMT", now: now)?.milliseconds ?? -1 == 0)
    #expect(Place.retryAfter("99999999999", now: now)?.milliseconds ?? -1 == 86_400_000)
    #expect(Place.retryAfter("soon", now: now) == nil)
  }

  @Test func `a remote's words are one bounded line`() {
    let text = Place.printable("a\nb\u{1B}[31m" + String(repeating: "x", count: 1000), limit: 50)
    #expect(text.utf8.count == 50 && !text.utf8.contains { $0 < 0x20 })
  }
}
