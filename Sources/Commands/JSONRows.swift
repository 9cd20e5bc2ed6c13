/// Just enough of JSON (RFC 8259) to show our own documents to people: Foundation stays out.
enum JSONRows {
  struct Row: Equatable {
    /// The names on the way to the value, joined with dots; array elements by number.
    var name: String
    /// A string without its quotes; a number, true, false or null as written.
    var value: String
    var isNumber: Bool
  }

  /// Every value that is no object and no array, in order; nil for text that is no JSON.
  static func flattened(_ text: String) -> [Row]? {
    var reader = Reader(bytes: Array(text.utf8))
    var rows: [Row] = []
    guard reader.value(named: "", into: &rows, depth: 0) else { return nil }
    reader.skipBlanks()
    return reader.isAtEnd ? rows : nil
  }

  private struct Reader {
    let bytes: [UInt8]
    var position = 0

    init(bytes: [UInt8]) { self.bytes = bytes }

    var isAtEnd: Bool { position == bytes.count }
    private var next: UInt8? { position < bytes.count ? bytes[position] : nil }

    mutating func skipBlanks() {
      while let byte = next, [0x20, 0x0A, 0x0D, 0x09].contains(byte) { position += 1 }
    }

    private mutating func take(_ character: Unicode.Scalar) -> Bool {
      skipBlanks()
      guard next == UInt8(ascii: character) else { return false }
      position += 1
      return true
    }

    mutating func value(named name: String, into rows: inout [Row], depth: Int) -> Bool {
      guard depth < 64 else { return false }
      skipBlanks()
      switch next {
      case UInt8(ascii: "{"):
        return members(closedBy: "}", into: &rows) { reader, _, rows in
          guard let key = reader.string(), reader.take(":") else { return false }
          return reader.value(named: name.isEmpty ? key : "\(name).\(key)", into: &rows, depth: depth + 1)
        }
      case UInt8(ascii: "["):
        return members(closedBy: "]", into: &rows) { reader, index, rows in
          reader.value(named: name.isEmpty ? "\(index)" : "\(name).\(index)", into: &rows, depth: depth + 1)
        }
      case UInt8(ascii: "\""):
        guard let text = string() else { return false }
        rows.append(Row(name: name, value: text, isNumber: false))
        return true
      default:
        let start = position
        while let byte = next, !" \n\r\t,]}:".utf8.contains(byte) { position += 1 }
        let word = String(decoding: bytes[start..<position], as: UTF8.self)
        let isNumber = Double(word) != nil
        guard isNumber || ["true", "false", "null"].contains(word) else { return false }
        rows.append(Row(name: name, value: word, isNumber: isNumber))
        return true
      }
    }

    private mutating func members(
      closedBy end: Unicode.Scalar, into rows: inout [Row],
      _ member: (inout Reader, Int, inout [Row]) -> Bool
    ) -> Bool {
      position += 1
      if take(end) { return true }
      var index = 0
      repeat {
        guard member(&self, index, &rows) else { return false }
        index += 1
      } while take(",")
      return take(end)
    }

    private mutating func string() -> String? {
      guard take("\"") else { return nil }
      var text: [UInt8] = []
      while let byte = next {
        position += 1
        if byte == UInt8(ascii: "\"") { return String(decoding: text, as: UTF8.self) }
        guard byte == UInt8(ascii: "\\") else {
          text.append(byte)
          continue
        }
        guard let escape = next else { return nil }
        position += 1
        switch escape {
        case UInt8(ascii: "n"): text.append(0x0A)
        case UInt8(ascii: "t"): text.append(0x09)
        case UInt8(ascii: "r"): text.append(0x0D)
        case UInt8(ascii: "b"): text.append(0x08)
        case UInt8(ascii: "f"): text.append(0x0C)
        case UInt8(ascii: "u"):
          guard let scalar = escapedScalar() else { return nil }
          text += Array(String(Character(scalar)).utf8)
        default: text.append(escape)
        }
      }
      return nil
    }

    /// Behind `\u`: four digits, or two times four for a pair of surrogates.
    private mutating func escapedScalar() -> Unicode.Scalar? {
      guard let first = fourDigits() else { return nil }
      guard (0xD800..<0xDC00).contains(first) else { return Unicode.Scalar(first) }
      guard take("\\"), take("u"), let second = fourDigits(), (0xDC00..<0xE000).contains(second) else { return nil }
      return Unicode.Scalar(0x10000 + (first - 0xD800) << 10 + (second - 0xDC00))
    }

    private mutating func fourDigits() -> UInt32? {
      guard position + 4 <= bytes.count else { return nil }
      defer { position += 4 }
      return UInt32(String(decoding: bytes[position..<position + 4], as: UTF8.self), radix: 16)
    }
  }
}
