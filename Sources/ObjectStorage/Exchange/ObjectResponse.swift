import Objects
import Platform

/// What a response to a GET or HEAD says of an object, checked against what was asked (promises 1 and 3). Pure.
enum ObjectResponse {
  /// The version that the headers tell; `size` comes from elsewhere.
  static func version(_ head: HTTPResponseHead, size: Int64) -> ObjectVersion {
    ObjectVersion(
      tag: head["etag"].flatMap(tag), size: size,
      modified: head["last-modified"].flatMap(CivilTime.init(httpDate:))?.wallTime.milliseconds ?? 0)
  }

  /// Some servers and some listings leave the quotes out; with them the tags of both compare.
  static func tag(_ text: String) -> EntityTag? {
    if text.isEmpty { return nil }
    return EntityTag(text.hasSuffix("\"") ? text : "\"\(text)\"")
  }

  /// Whether a version is the expected one. Weak tags do not tell bytes apart, so the times must agree too; where one
  /// side has no tag, sizes and times decide. Times by the second: headers have no more.
  static func isSame(_ version: ObjectVersion, as expected: ObjectVersion) -> Bool {
    guard version.size == expected.size else { return false }
    let sameTime =
      version.modified == 0 || expected.modified == 0 || version.modified / 1000 == expected.modified / 1000
    guard let tag = version.tag, let wanted = expected.tag else { return sameTime }
    return tag == wanted && (!tag.isWeak || sameTime)
  }

  /// The size that a HEAD tells. Throws `rejected` without one.
  static func size(ofHead head: HTTPResponseHead, at place: Place) throws(StoreError) -> Int64 {
    guard let size = head.contentLength else {
      throw place.error(.garbled, "the server does not tell the object's size (no Content-Length)", head)
    }
    return size
  }

  /// What the body of a successful response to `request` will hold.
  static func head(of head: HTTPResponseHead, for request: GetRequest, at place: Place) throws(StoreError) -> GetHead {
    var result: GetHead
    switch head.status {
    case 200 where head["content-range"] == nil:
      // Asked for or not: the whole object.
      let size = try size(ofHead: head, at: place)
      result = GetHead(version: version(head, size: size), range: 0..<size)
    // rclone's S3 server sends parts with status 200.
    case 200, 206:
      guard let content = ContentRange(head["content-range"] ?? ""), let range = content.range, let size = content.size
      else { throw place.error(.garbled, "the server sent a part without telling which (Content-Range)", head) }
      let wanted: ByteRange
      switch request.range {
      case .whole: throw place.error(.garbled, "the server sent a part of the object, unasked", head)
      case .bytes(let bytes): wanted = bytes.clamped(to: 0..<max(size, bytes.lowerBound))
      case .suffix(let count): wanted = max(0, size - count)..<size
      }
      guard range == wanted else {
        throw place.error(.garbled, "the server sent bytes \(range), not the bytes \(wanted) asked for", head)
      }
      if head["content-length"] != nil, head.contentLength != Int64(range.count) {
        throw place.error(.garbled, "the length of the response is not that of its range", head)
      }
      result = GetHead(version: version(head, size: size), range: range)
    default: throw place.error(.rejected, "the server answered \(head.status) to a GET", head)
    }
    if let expected = request.expected, !isSame(result.version, as: expected) {
      if let tag = expected.tag, !tag.isWeak, tag == result.version.tag {
        throw place.error(.garbled, "the server tells another size of the same version (Content-Length)", head)
      }
      throw place.error(.changed, "the object has changed", head)
    }
    if head["x-amz-checksum-type"].map({ $0 == "FULL_OBJECT" }) ?? true {
      result.checksum = head["x-amz-checksum-crc32"].flatMap(checksum)
    }
    return result
  }

  /// Four bytes in base64; a checksum of the parts' checksums (`…-3`) says nothing of the bytes.
  static func checksum(_ text: String) -> UInt32? {
    let characters = Array(text.utf8)
    guard characters.count == 8, characters[6...] == [UInt8(ascii: "="), UInt8(ascii: "=")] else { return nil }
    var bits: UInt64 = 0
    for character in characters[..<6] {
      let digit: UInt8
      switch character {
      case UInt8(ascii: "A")...UInt8(ascii: "Z"): digit = character - UInt8(ascii: "A")
      case UInt8(ascii: "a")...UInt8(ascii: "z"): digit = character - UInt8(ascii: "a") + 26
      case UInt8(ascii: "0")...UInt8(ascii: "9"): digit = character - UInt8(ascii: "0") + 52
      case UInt8(ascii: "+"): digit = 62
      case UInt8(ascii: "/"): digit = 63
      default: return nil
      }
      bits = bits << 6 | UInt64(digit)
    }
    return UInt32(bits >> 4)
  }
}

/// `Content-Range: bytes 0-99/1234`, `bytes 0-99/*` or `bytes */1234` (RFC 9110, 14.4). Pure.
struct ContentRange: Equatable {
  var range: ByteRange?
  var size: Int64?

  init?(_ text: String) {
    let parts = text.split(separator: " ")
    guard parts.count == 2, parts[0].lowercased() == "bytes" else { return nil }
    let halves = parts[1].split(separator: "/", omittingEmptySubsequences: false)
    guard halves.count == 2 else { return nil }
    if halves[1] != "*" {
      guard let size = Int64(decimal: halves[1]) else { return nil }
      self.size = size
    }
    if halves[0] != "*" {
      let bounds = halves[0].split(separator: "-", omittingEmptySubsequences: false).map { Int64(decimal: $0) }
      guard bounds.count == 2, let first = bounds[0], let last = bounds[1], first <= last, last < Int64.max,
        size.map({ last < $0 }) ?? true
      else { return nil }
      range = first..<(last + 1)
    }
  }
}

extension GetRequest {
  /// The value of the Range header; nil for the whole object.
  var rangeHeader: String? {
    switch range {
    case .whole: nil
    case .bytes(let bytes): "bytes=\(bytes.lowerBound)-\(bytes.upperBound - 1)"
    case .suffix(let count): "bytes=-\(count)"
    }
  }

  /// Range, and `If-Match` where the expected version has a tag that may stand there.
  var headers: [(name: String, value: String)] {
    var headers: [(name: String, value: String)] = []
    if let rangeHeader { headers.append(("Range", rangeHeader)) }
    if let tag = expected?.tag, !tag.isWeak { headers.append(("If-Match", tag.text)) }
    return headers
  }

  /// Whether an object without a byte could be all there is to it.
  var beginsAtZero: Bool {
    if case .bytes(let bytes) = range { return bytes.lowerBound == 0 }
    return true
  }

  /// A range without a byte cannot be asked for.
  var isEmpty: Bool {
    switch range {
    case .whole: false
    case .bytes(let bytes): bytes.isEmpty
    case .suffix(let count): count <= 0
    }
  }
}
