import Objects
import Platform

@testable import ObjectStorage

/// A response's head, line by line: what is taken for an answer to a GET is what was asked for, or all of the object.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzz(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
  let bytes = Array(UnsafeBufferPointer(start: start, count: count))
  let place = Place(HTTPRequest(.get, "http://h/k"))
  for followsRedirects in [true, false] {
    var parser = HTTPHeadParser(followsRedirects: followsRedirects)
    for line in bytes.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false) {
      if Array(line).withUnsafeBytes({ parser.line($0) }) != .more { break }
    }
    guard parser.isComplete else { continue }
    precondition((100...999).contains(parser.head.status))
    for range in [GetRequest.Range.whole, .bytes(10..<20), .suffix(5)] {
      let request = GetRequest(key: ObjectKey(bytes: [107]), range: range)
      guard let head = try? ObjectResponse.head(of: parser.head, for: request, at: place) else { continue }
      precondition(head.range.lowerBound >= 0 && head.range.upperBound <= head.version.size)
      switch range {
      case .whole: precondition(head.range == 0..<head.version.size)
      case .bytes(let wanted):
        precondition(
          head.range == 0..<head.version.size || head.range == wanted.clamped(to: 0..<max(head.version.size, 10)))
      case .suffix: precondition(head.range.upperBound == head.version.size)
      }
    }
    _ = parser.head["retry-after"].flatMap { Place.retryAfter($0, now: WallTime(milliseconds: 0)) }
  }
  return 0
}
