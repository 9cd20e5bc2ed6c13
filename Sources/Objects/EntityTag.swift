/// An entity tag as the remote sent it, quotes and `W/` included (RFC 9110, 8.8.3). Opaque: compared byte for byte.
///
/// Tags that are a quoted MD5 (32 lower-case hex digits) are held in 16 bytes, without the heap.
package struct EntityTag: Hashable, Sendable {
  private enum Storage: Hashable {
    case digest(UInt64, UInt64)
    case text(String)
  }

  private let storage: Storage

  package init(_ text: String) {
    if let (high, low) = Self.digest(of: text) { storage = .digest(high, low) } else { storage = .text(text) }
  }

  /// As it goes into `If-Match`.
  package var text: String {
    switch storage {
    case .text(let text): return text
    case .digest(let high, let low):
      return "\"" + Self.hex(high) + Self.hex(low) + "\""
    }
  }

  /// The 16 bytes of a tag that looks like an MD5: what S3 gives an object put in one piece, unless encrypted with a key of
  /// somebody's own.
  package var digest: [UInt8]? {
    guard case .digest(let high, let low) = storage else { return nil }
    return [high, low].flatMap { word in (0..<8).map { UInt8(truncatingIfNeeded: word >> (56 - 8 * UInt64($0))) } }
  }

  /// A weak tag (`W/"…"`) cannot be used with `If-Match` or to join ranges.
  package var isWeak: Bool {
    if case .text(let text) = storage { return text.hasPrefix("W/") }
    return false
  }

  private static func digest(of text: String) -> (UInt64, UInt64)? {
    let bytes = Array(text.utf8)
    guard bytes.count == 34, bytes.first == UInt8(ascii: "\""), bytes.last == UInt8(ascii: "\"") else { return nil }
    var words: (UInt64, UInt64) = (0, 0)
    for (index, byte) in bytes[1..<33].enumerated() {
      let digit: UInt64
      switch byte {
      case UInt8(ascii: "0")...UInt8(ascii: "9"): digit = UInt64(byte - UInt8(ascii: "0"))
      case UInt8(ascii: "a")...UInt8(ascii: "f"): digit = UInt64(byte - UInt8(ascii: "a") + 10)
      default: return nil
      }
      if index < 16 { words.0 = words.0 << 4 | digit } else { words.1 = words.1 << 4 | digit }
    }
    return words
  }

  private static func hex(_ word: UInt64) -> String {
    let digits = String(word, radix: 16)
    return String(repeating: "0", count: 16 - digits.count) + digits
  }
}
