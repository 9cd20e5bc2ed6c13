import Objects
import Platform

/// One page of ListObjectsV2 as it arrives. Keys come out relative to the mounted prefix; what does not lie below the
/// asked prefix is dropped and counted. Not for concurrent use.
final class ListingParser {
  /// A page holds 1,000 at most by S3's rules; a server that sends far more is refused.
  static let countLimit = 20_000

  struct Question {
    /// The mounted prefix; empty, or ending with a slash.
    var mount: ObjectKey
    /// As asked, relative to the mounted prefix.
    var prefix: ObjectKey
    var delimited: Bool
    var continuation: String?
  }

  /// Why a page cannot be used.
  enum Failure: Error, Equatable {
    /// It ended early: try again.
    case incomplete
    /// It is no page of a listing, or contradicts itself.
    case garbled(String)
    /// The server does not list as it is asked to.
    case rejected(String)
    /// The server sent its error with a success status.
    case remote(code: String)
  }

  /// Keys and prefixes outside what was asked.
  private(set) var dropped = 0
  private let question: Question
  private let wanted: [UInt8]
  private let page = Page()
  private let xml: XMLStream

  /// What the XML said, raw: whether keys are encoded may be told after them.
  private final class Page {
    var objects: [RawObject] = []
    var current = RawObject()
    var prefixes: [[UInt8]] = []
    var isEncoded = false
    var isTruncated: Bool?
    var token: String?
    var root: String?
    var code: String?
    var isOverlong = false
    /// It counts its keys, as only version 2 does.
    var isVersion2 = false
  }

  private struct RawObject {
    var key: [UInt8]?
    var tag: EntityTag?
    var size: Int64?
    var modified: Int64 = 0
  }

  init(_ question: Question) {
    self.question = question
    wanted = question.mount.bytes + question.prefix.bytes
    let page = self.page
    xml = XMLStream { path, text in Self.take(path, text, into: page) }
  }

  func feed(_ bytes: UnsafeRawBufferPointer) throws(Failure) {
    if let failure = xml.feed(bytes) { throw Self.failure(failure) }
    if page.isOverlong { throw .garbled("the listing's page has too many entries") }
  }

  func finish() throws(Failure) -> ListPage {
    if let failure = xml.finish() { throw Self.failure(failure) }
    if page.root == "Error" { throw .remote(code: page.code ?? "unknown") }
    guard page.root == "ListBucketResult" else { throw .garbled("the answer is not a listing") }
    guard let isTruncated = page.isTruncated else { throw .garbled("the listing does not say whether it is complete") }
    var result = ListPage()
    if isTruncated {
      guard let token = page.token, !token.isEmpty else {
        let problem = "the listing says that more follows, but not how to ask"
        throw page.isVersion2 ? .garbled(problem) : .rejected("\(problem): the server has no ListObjectsV2")
      }
      guard token != question.continuation else { throw .garbled("the listing gives the same page again") }
      result.continuation = token
    }
    for raw in page.objects {
      guard let bytes = raw.key, let size = raw.size else {
        throw .garbled("the listing has an entry without key or size")
      }
      guard let key = try relative(bytes) else { continue }
      result.objects.append(
        ListPage.Object(key: key, version: ObjectVersion(tag: raw.tag, size: size, modified: raw.modified)))
    }
    for bytes in page.prefixes {
      guard let key = try relative(bytes) else { continue }
      guard key.isDirectory, key.bytes.count > question.prefix.bytes.count else {
        dropped += 1
        continue
      }
      result.prefixes.append(key)
    }
    return result
  }

  /// Decoded, and relative to the mounted prefix; nil where it lies outside, or is the mounted prefix itself.
  private func relative(_ raw: [UInt8]) throws(Failure) -> ObjectKey? {
    var bytes = raw
    if page.isEncoded {
      guard let decoded = PercentEncoding.decode(raw, plusIsSpace: true) else {
        throw .garbled("the listing has a key that is not encoded as it says")
      }
      bytes = decoded
    }
    guard bytes.starts(with: wanted) else {
      dropped += 1
      return nil
    }
    let inner = bytes.dropFirst(wanted.count)
    if question.delimited, inner.dropLast().contains(UInt8(ascii: "/")) {
      throw .rejected("the server ignores the listing's delimiter")
    }
    if bytes.count == question.mount.bytes.count { return nil }
    return ObjectKey(bytes: Array(bytes.dropFirst(question.mount.bytes.count)))
  }

  private static func failure(_ failure: XMLStream.Failure) -> Failure {
    failure == .incomplete ? .incomplete : .garbled("the listing is not well-formed XML, or has a document type")
  }

  private static func take(_ path: [String], _ text: [UInt8], into page: Page) {
    if path.count == 1 { page.root = path[0] }
    guard path.count > 1 else { return }
    func string() -> String { String(decoding: text, as: UTF8.self) }
    switch (path.count, path[1], path.last ?? "") {
    case (2, "EncodingType", _): page.isEncoded = string().lowercased() == "url"
    case (2, "IsTruncated", _): page.isTruncated = string() == "true" ? true : string() == "false" ? false : nil
    case (2, "KeyCount", _): page.isVersion2 = true
    case (2, "NextContinuationToken", _): page.token = string()
    case (2, "Code", _): page.code = string()
    case (2, "Contents", _):
      if page.objects.count + page.prefixes.count >= countLimit {
        page.isOverlong = true
      } else {
        page.objects.append(page.current)
      }
      page.current = RawObject()
    case (3, "Contents", "Key"): page.current.key = text
    case (3, "Contents", "ETag"): page.current.tag = ObjectResponse.tag(string())
    case (3, "Contents", "Size"): page.current.size = Int64(decimal: string())
    case (3, "Contents", "LastModified"):
      page.current.modified = CivilTime(iso8601: string())?.wallTime.milliseconds ?? 0
    case (3, "CommonPrefixes", "Prefix"):
      if page.objects.count + page.prefixes.count >= countLimit {
        page.isOverlong = true
      } else {
        page.prefixes.append(text)
      }
    default: break
    }
  }
}
