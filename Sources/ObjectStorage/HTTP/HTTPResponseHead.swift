/// Status and headers of a final response: not of a redirect that was followed, nor of an informational one.
package struct HTTPResponseHead: Sendable {
  package var status: Int
  /// In the order received; names in lower case, values without blanks around them.
  package var headers: [(name: String, value: String)]

  package init(status: Int, headers: [(name: String, value: String)] = []) {
    self.status = status
    self.headers = headers
  }

  /// The first header of this name, which is given in lower case.
  package subscript(name: String) -> String? { headers.first { $0.name == name }?.value }

  /// Content-Length; nil where it is missing, not a number, or given twice with different values.
  package var contentLength: Int64? {
    var length: Int64?
    for (name, value) in headers where name == "content-length" {
      guard let number = Int64(decimal: value), length == nil || length == number else { return nil }
      length = number
    }
    return length
  }
}

extension Int64 {
  /// Digits only: no sign, no blanks, no overflow.
  init?(decimal text: some StringProtocol) {
    guard !text.isEmpty, text.utf8.allSatisfy({ $0 >= 0x30 && $0 <= 0x39 }), let number = Int64(String(text)) else {
      return nil
    }
    self = number
  }
}

/// Collects header lines as curl hands them out, one a call, over all the responses of a transfer.
struct HTTPHeadParser {
  /// Bytes of all the header lines of one response; a server that sends more is refused.
  static let limit = 256 * 1024

  private(set) var head = HTTPResponseHead(status: 0)
  /// The final response's head is complete: further lines are trailers.
  private(set) var isComplete = false
  private var size = 0
  /// Whether a redirect is followed by curl and so is not an answer.
  let followsRedirects: Bool

  init(followsRedirects: Bool) { self.followsRedirects = followsRedirects }

  enum Outcome: Equatable { case more, complete, rejected }

  mutating func line(_ bytes: UnsafeRawBufferPointer) -> Outcome {
    if isComplete { return .more }
    size += bytes.count
    guard size <= Self.limit else { return .rejected }
    var text = bytes[...]
    while let last = text.last, last == 0x0A || last == 0x0D { text = text.dropLast() }

    if text.starts(with: Array("HTTP/".utf8)) {
      size = bytes.count
      let parts = String(decoding: text, as: UTF8.self).split(separator: " ", maxSplits: 2)
      guard parts.count >= 2, let status = Int64(decimal: parts[1]), (100...999).contains(status) else {
        return .rejected
      }
      head = HTTPResponseHead(status: Int(status))
      return .more
    }
    if text.isEmpty {
      if head.status < 200 { return .more }
      if followsRedirects, [301, 302, 303, 307, 308].contains(head.status), head["location"] != nil { return .more }
      isComplete = true
      return .complete
    }
    guard let colon = text.firstIndex(of: UInt8(ascii: ":")) else { return .more }
    let name = String(decoding: text[..<colon], as: UTF8.self).lowercased()
    head.headers.append((name, String(decoding: trimmed(text[(colon + 1)...]), as: UTF8.self)))
    return .more
  }

  private func trimmed(_ bytes: Slice<UnsafeRawBufferPointer>) -> Slice<UnsafeRawBufferPointer> {
    var bytes = bytes
    while let first = bytes.first, first == 0x20 || first == 0x09 { bytes = bytes.dropFirst() }
    while let last = bytes.last, last == 0x20 || last == 0x09 { bytes = bytes.dropLast() }
    return bytes
  }
}
