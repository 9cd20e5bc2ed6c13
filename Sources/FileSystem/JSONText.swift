/// A JSON value, to be written (RFC 8259). Members keep their order.
package enum JSONText: Sendable {
  case object([(String, JSONText)])
  case array([JSONText])
  case string(String)
  case integer(Int64)
  case number(Double)
  case boolean(Bool)
  case null

  /// As text: two blanks a level, and a newline at the end.
  package var bytes: [UInt8] {
    var text = ""
    write(to: &text, indent: "")
    text += "\n"
    return Array(text.utf8)
  }

  private func write(to text: inout String, indent: String) {
    switch self {
    case .null: text += "null"
    case .boolean(let value): text += value ? "true" : "false"
    case .integer(let value): text += String(value)
    case .number(let value): text += value.isFinite ? String(value) : "null"
    case .string(let value): Self.write(value, to: &text)
    case .array(let values):
      Self.writeList(values, "[", "]", to: &text, indent) { value, text, inner in
        value.write(to: &text, indent: inner)
      }
    case .object(let members):
      Self.writeList(members, "{", "}", to: &text, indent) { member, text, inner in
        Self.write(member.0, to: &text)
        text += ": "
        member.1.write(to: &text, indent: inner)
      }
    }
  }

  private static func writeList<Item>(
    _ items: [Item], _ open: String, _ close: String, to text: inout String, _ indent: String,
    _ write: (Item, inout String, String) -> Void
  ) {
    if items.isEmpty { return text += open + close }
    let inner = indent + "  "
    text += open
    for (index, item) in items.enumerated() {
      text += index == 0 ? "\n" : ",\n"
      text += inner
      write(item, &text, inner)
    }
    text += "\n" + indent + close
  }

  private static func write(_ value: String, to text: inout String) {
    text += "\""
    for scalar in value.unicodeScalars {
      switch scalar {
      case "\"": text += "\\\""
      case "\\": text += "\\\\"
      case "\n": text += "\\n"
      case _ where scalar.value < 0x20 || scalar.value == 0x7F:
        let digits = String(scalar.value, radix: 16)
        text += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
      default: text.unicodeScalars.append(scalar)
      }
    }
    text += "\""
  }
}
