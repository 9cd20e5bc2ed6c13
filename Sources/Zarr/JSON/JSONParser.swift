/// Reads one JSON document (RFC 8259), more leniently than the grammar and within limits.
///
/// Tolerated: a byte order mark, bare `NaN`, `Infinity`, `-Infinity`, duplicate names, control characters in strings,
/// lone surrogates and ill-formed UTF-8 (replaced). Refused: anything after the value, and what exceeds `Limits`.
package struct JSONParser {
  package struct Limits: Sendable {
    /// Bytes of the document. 64 MiB: consolidated metadata of some 100,000 arrays.
    package var size = 64 << 20
    /// Nesting. The parser, and the release of the tree, recurse; a thread of ours has 512 KiB of stack.
    package var depth = 128
    /// Values in the tree, which takes some 40 bytes for each: a document of 64 MiB of `0,0,…` shall not take a GiB.
    package var values = 2_000_000

    package init() {}
  }

  private let bytes: [UInt8]
  private let limits: Limits
  private var index = 0
  private var values = 0

  private init(_ bytes: [UInt8], _ limits: Limits) {
    self.bytes = bytes
    self.limits = limits
  }

  package static func parse(_ bytes: [UInt8], limits: Limits = Limits()) throws(MetadataError) -> JSONValue {
    guard bytes.count <= limits.size else { throw .tooLarge }
    var parser = JSONParser(bytes, limits)
    if bytes.starts(with: [0xEF, 0xBB, 0xBF]) { parser.index = 3 }
    let value = try parser.value(depth: 0)
    parser.skipSpace()
    guard parser.index == bytes.count else { throw parser.syntax }
    return value
  }

  private var syntax: MetadataError { .syntax(offset: index) }

  private var current: UInt8? { index < bytes.count ? bytes[index] : nil }

  private mutating func skipSpace() {
    while index < bytes.count {
      switch bytes[index] {
      case 0x20, 0x09, 0x0A, 0x0D: index += 1
      default: return
      }
    }
  }

  private mutating func take(_ byte: Character) -> Bool {
    guard index < bytes.count, bytes[index] == byte.asciiValue else { return false }
    index += 1
    return true
  }

  private mutating func take(word: StaticString) -> Bool {
    let count = word.utf8CodeUnitCount
    guard bytes.count - index >= count else { return false }
    let same = word.withUTF8Buffer { word in bytes[index..<(index + count)].elementsEqual(word) }
    if same { index += count }
    return same
  }

  private mutating func value(depth: Int) throws(MetadataError) -> JSONValue {
    guard depth < limits.depth else { throw .tooDeep }
    values += 1
    guard values <= limits.values else { throw .tooLarge }
    skipSpace()
    switch current {
    case UInt8(ascii: "{"): return try object(depth: depth)
    case UInt8(ascii: "["): return try array(depth: depth)
    case UInt8(ascii: "\""): return .string(try string())
    case UInt8(ascii: "t") where take(word: "true"): return .bool(true)
    case UInt8(ascii: "f") where take(word: "false"): return .bool(false)
    case UInt8(ascii: "n") where take(word: "null"): return .null
    case UInt8(ascii: "N") where take(word: "NaN"): return .number("NaN")
    case UInt8(ascii: "I") where take(word: "Infinity"): return .number("Infinity")
    case UInt8(ascii: "-") where take(word: "-Infinity"): return .number("-Infinity")
    default: return try number()
    }
  }

  private mutating func object(depth: Int) throws(MetadataError) -> JSONValue {
    index += 1
    var members = [JSONValue.Member]()
    skipSpace()
    if take("}") { return .object(members) }
    while true {
      skipSpace()
      guard current == UInt8(ascii: "\"") else { throw syntax }
      let name = try string()
      skipSpace()
      guard take(":") else { throw syntax }
      members.append(JSONValue.Member(name: name, value: try value(depth: depth + 1)))
      skipSpace()
      if take(",") { continue }
      guard take("}") else { throw syntax }
      return .object(members)
    }
  }

  private mutating func array(depth: Int) throws(MetadataError) -> JSONValue {
    index += 1
    var elements = [JSONValue]()
    skipSpace()
    if take("]") { return .array(elements) }
    while true {
      elements.append(try value(depth: depth + 1))
      skipSpace()
      if take(",") { continue }
      guard take("]") else { throw syntax }
      return .array(elements)
    }
  }

  private mutating func number() throws(MetadataError) -> JSONValue {
    let start = index
    _ = take("-")
    guard let first = current, UInt8(ascii: "0")...UInt8(ascii: "9") ~= first else { throw syntax }
    scan: while index < bytes.count {
      switch bytes[index] {
      case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "e"), UInt8(ascii: "E"),
        UInt8(ascii: "+"), UInt8(ascii: "-"):
        index += 1
      default: break scan
      }
    }
    return .number(String(decoding: bytes[start..<index], as: UTF8.self))
  }

  private mutating func string() throws(MetadataError) -> String {
    index += 1
    let start = index
    while index < bytes.count {
      switch bytes[index] {
      case UInt8(ascii: "\""):
        defer { index += 1 }
        return String(decoding: bytes[start..<index], as: UTF8.self)
      case UInt8(ascii: "\\"): return try escapedString(from: start)
      default: index += 1
      }
    }
    throw syntax
  }

  /// The slow path: what stands before the first escape is copied, the rest decoded.
  private mutating func escapedString(from start: Int) throws(MetadataError) -> String {
    var text = Array(bytes[start..<index])
    while let byte = current {
      index += 1
      switch byte {
      case UInt8(ascii: "\""): return String(decoding: text, as: UTF8.self)
      case UInt8(ascii: "\\"): text += try escape()
      default: text.append(byte)
      }
    }
    throw syntax
  }

  private mutating func escape() throws(MetadataError) -> [UInt8] {
    guard let byte = current else { throw syntax }
    index += 1
    switch byte {
    case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): return [byte]
    case UInt8(ascii: "b"): return [0x08]
    case UInt8(ascii: "f"): return [0x0C]
    case UInt8(ascii: "n"): return [0x0A]
    case UInt8(ascii: "r"): return [0x0D]
    case UInt8(ascii: "t"): return [0x09]
    case UInt8(ascii: "u"): return Array(String(Character(try scalar())).utf8)
    default: throw syntax
    }
  }

  private mutating func scalar() throws(MetadataError) -> Unicode.Scalar {
    let high = try hexadecimal()
    guard high & 0xFC00 == 0xD800, index + 1 < bytes.count, bytes[index] == UInt8(ascii: "\\"),
      bytes[index + 1] == UInt8(ascii: "u")
    else { return Unicode.Scalar(high) ?? "\u{FFFD}" }
    let before = index
    index += 2
    let low = try hexadecimal()
    guard low & 0xFC00 == 0xDC00 else {
      index = before
      return "\u{FFFD}"
    }
    return Unicode.Scalar(0x10000 + (high & 0x3FF) << 10 + (low & 0x3FF)) ?? "\u{FFFD}"
  }

  private mutating func hexadecimal() throws(MetadataError) -> UInt32 {
    guard bytes.count - index >= 4 else { throw syntax }
    var value: UInt32 = 0
    for byte in bytes[index..<(index + 4)] {
      switch byte {
      case UInt8(ascii: "0")...UInt8(ascii: "9"): value = value << 4 | UInt32(byte - UInt8(ascii: "0"))
      case UInt8(ascii: "a")...UInt8(ascii: "f"): value = value << 4 | UInt32(byte - UInt8(ascii: "a") + 10)
      case UInt8(ascii: "A")...UInt8(ascii: "F"): value = value << 4 | UInt32(byte - UInt8(ascii: "A") + 10)
      default: throw syntax
      }
    }
    index += 4
    return value
  }
}
