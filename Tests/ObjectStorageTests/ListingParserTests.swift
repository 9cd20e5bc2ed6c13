import Objects
import Testing

@testable import ObjectStorage

@Suite struct ListingParserTests {
  private func page(_ inner: String, truncated: String = "<IsTruncated>false</IsTruncated>") -> String {
    """
    <?xml version="1.0" encoding="UTF-8"?>
    <ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Name>b</Name>\(truncated)\(inner)</ListBucketResult>
    """
  }

  private func object(_ key: String, size: String = "3", tag: String = "&quot;x&quot;") -> String {
    "<Contents><Key>\(key)</Key><LastModified>2009-10-12T17:50:30.000Z</LastModified><ETag>\(tag)</ETag>"
      + "<Size>\(size)</Size><Owner><ID>1</ID><Key>no</Key></Owner></Contents>"
  }

  private func parse(
    _ text: String, mount: String = "", prefix: String = "", delimited: Bool = true, continuation: String? = nil,
    piece: Int = .max
  ) -> (page: ListPage?, failure: ListingParser.Failure?, dropped: Int) {
    let parser = ListingParser(
      .init(mount: ObjectKey(mount), prefix: ObjectKey(prefix), delimited: delimited, continuation: continuation))
    do throws(ListingParser.Failure) {
      var rest = Array(text.utf8)[...]
      while !rest.isEmpty {
        let part = Array(rest.prefix(piece))
        rest = rest.dropFirst(part.count)
        let failure = part.withUnsafeBytes { bytes -> ListingParser.Failure? in
          do throws(ListingParser.Failure) {
            try parser.feed(bytes)
            return nil
          } catch { return error }
        }
        if let failure { throw failure }
      }
      let page = try parser.finish()
      return (page, nil, parser.dropped)
    } catch { return (nil, error, parser.dropped) }
  }

  @Test(arguments: [Int.max, 1, 7])
  func `objects and prefixes, in pieces of any size`(_ piece: Int) throws {
    let text = page(
      object("d/a+b%2Bc%25%C3%BC") + object("d/", size: "0")
        + "<CommonPrefixes><Prefix>d/sub%2Fdir/</Prefix></CommonPrefixes>"
        + "<CommonPrefixes><Prefix>d/s/</Prefix></CommonPrefixes><EncodingType>url</EncodingType>")
    let result = parse(text.replacing("d/sub%2Fdir/", with: "d/sub+dir/"), mount: "d/", piece: piece)
    let page = try #require(result.page)
    #expect(page.objects.map(\.key) == ["a b+c%ü"])
    #expect(page.objects.first?.version.modified ?? 0 == 1_255_369_830_000)
    #expect(page.objects.first?.version.tag?.text ?? "" == "\"x\"")
    #expect(page.prefixes == ["sub dir/", "s/"])
    #expect(page.continuation == nil)
  }

  @Test func `without an encoding the keys are as they stand`() throws {
    let result = parse(page(object("a+b%2B &amp;&lt;") + object("x", tag: "abc")))
    #expect(try #require(result.page).objects.map(\.key) == ["a+b%2B &<", "x"])
    #expect(try #require(result.page).objects.last?.version.tag?.text ?? "" == "\"abc\"")
  }

  @Test func `what was not asked for is dropped and counted`() throws {
    let inner =
      object("m/p/in") + object("m/q/out") + object("other") + "<CommonPrefixes><Prefix>m/p/</Prefix></CommonPrefixes>"
      + "<CommonPrefixes><Prefix>../</Prefix></CommonPrefixes><CommonPrefixes><Prefix>m/p/noslash</Prefix></CommonPrefixes>"
    let result = parse(page(inner), mount: "m/", prefix: "p/")
    #expect(try #require(result.page).objects.map(\.key) == ["p/in"])
    #expect(try #require(result.page).prefixes == [])
    #expect(result.dropped == 5)
  }

  @Test func `a marker below the mount stays, the mount's own goes`() throws {
    #expect(try #require(parse(page(object("m/")), mount: "m/").page).objects.isEmpty)
    #expect(try #require(parse(page(object("m/d/")), mount: "m/", prefix: "d/").page).objects.map(\.key) == ["d/"])
  }

  @Test func `pages that cannot be trusted`() {
    func token(_ text: String) -> String {
      "<IsTruncated>true</IsTruncated><NextContinuationToken>\(text)</NextContinuationToken>"
    }
    func isGarbled(_ failure: ListingParser.Failure?) -> Bool {
      if case .garbled = failure { return true }
      return false
    }
    func isRejected(_ failure: ListingParser.Failure?) -> Bool {
      if case .rejected = failure { return true }
      return false
    }
    #expect(parse(page("", truncated: token("t2")), continuation: "t1").page?.continuation ?? "" == "t2")
    #expect(isGarbled(parse(page("", truncated: token("t1")), continuation: "t1").failure))
    // Whoever counts keys knows version 2, and lost the token; who does not has no version 2.
    for (counted, isWanted) in [("<KeyCount>0</KeyCount>", isGarbled), ("", isRejected)] {
      #expect(isWanted(parse(page(counted, truncated: token("")), continuation: "t1").failure))
      #expect(isWanted(parse(page(counted, truncated: "<IsTruncated>true</IsTruncated>")).failure))
    }
    #expect(isGarbled(parse(page("", truncated: "")).failure))
    #expect(isGarbled(parse(page("", truncated: "<IsTruncated>maybe</IsTruncated>")).failure))
    #expect(isRejected(parse(page(object("a/b"))).failure))
    #expect(parse(page(object("a/b")), delimited: false).page != nil)
    #expect(isGarbled(parse(page(object("a", size: "-1"))).failure))
    #expect(isGarbled(parse(page("<Contents><Size>1</Size></Contents>")).failure))
    #expect(isGarbled(parse(page(object("%zz") + "<EncodingType>url</EncodingType>")).failure))
    #expect(isGarbled(parse("<html><body>hello</body></html>").failure))
    #expect(isGarbled(parse("not xml").failure))
    #expect(isGarbled(parse(page("") + "<more/>").failure))
    #expect(parse("<Error><Code>SlowDown</Code></Error>").failure == .remote(code: "SlowDown"))
  }

  @Test func `a cut page is incomplete`() {
    let text = page(object("a") + object("b"))
    #expect(parse("").failure == .incomplete)
    var isRight = true
    for count in stride(from: 45, to: text.utf8.count, by: 11) {
      if parse(String(text.prefix(count))).failure != .incomplete { isRight = false }
    }
    #expect(isRight)
  }

  @Test func `entities, depth and length are bounded`() {
    func isRejected(_ text: String) -> Bool {
      if case .garbled = parse(text).failure { return true }
      return false
    }
    #expect(
      isRejected("<!DOCTYPE x [<!ENTITY a \"aaaa\"><!ENTITY b \"&a;&a;\">]><ListBucketResult>&b;</ListBucketResult>"))
    #expect(isRejected("<!DOCTYPE x SYSTEM \"file:///etc/passwd\"><ListBucketResult/>"))
    #expect(isRejected(page(String(repeating: "<a>", count: 100) + String(repeating: "</a>", count: 100))))
    #expect(isRejected(page(object(String(repeating: "k", count: 20_000)))))
  }
}
