/// A JSON value as it was written: numbers stay text, so that `1e400` and 20-digit fill values survive.
///
/// A tree of our own and not Foundation's: Zarr v2 writers put a bare `NaN` and `Infinity` into documents, a hostile
/// document must meet limits on size, depth and count, and FoundationEssentials would cost 7 MB of binary
/// (`style.md` 4.4).
package enum JSONValue: Equatable, Sendable {
  package struct Member: Equatable, Sendable {
    package var name: String
    package var value: JSONValue

    package init(name: String, value: JSONValue) {
      self.name = name
      self.value = value
    }
  }

  case null
  case bool(Bool)
  /// The text of the number; also `NaN`, `Infinity` and `-Infinity`.
  case number(String)
  case string(String)
  case array([JSONValue])
  /// In the order written, duplicates included: the last one of a name counts, as in Python's json.
  case object([Member])

  package subscript(name: String) -> JSONValue? {
    guard case .object(let members) = self else { return nil }
    return members.last { $0.name == name }?.value
  }

  package var string: String? {
    if case .string(let text) = self { return text }
    return nil
  }

  package var bool: Bool? {
    if case .bool(let value) = self { return value }
    return nil
  }

  package var array: [JSONValue]? {
    if case .array(let values) = self { return values }
    return nil
  }

  package var members: [Member]? {
    if case .object(let members) = self { return members }
    return nil
  }

  package var isNull: Bool { self == .null }

  /// The number, if it is a whole one that fits: `12`, and `12.0` as some writers have it.
  package var integer: Int64? {
    guard case .number(let text) = self else { return nil }
    if let value = Int64(text) { return value }
    guard let dot = text.firstIndex(of: "."), text[text.index(after: dot)...].allSatisfy({ $0 == "0" }) else {
      return nil
    }
    return Int64(text[..<dot])
  }

  /// Every element as a whole number, or nil.
  package var integers: [Int64]? {
    guard let values = array else { return nil }
    var result = [Int64]()
    result.reserveCapacity(values.count)
    for value in values {
      guard let integer = value.integer else { return nil }
      result.append(integer)
    }
    return result
  }

  /// The value as compact JSON; a string at the top level without its quotes. For people.
  package var text: String {
    if case .string(let text) = self { return text }
    var result = ""
    write(to: &result)
    return result
  }

  private func write(to result: inout String) {
    switch self {
    case .null: result += "null"
    case .bool(let value): result += value ? "true" : "false"
    case .number(let text): result += text
    case .string(let text): Self.quote(text, to: &result)
    case .array(let values):
      result += "["
      for (index, value) in values.enumerated() {
        if index > 0 { result += "," }
        value.write(to: &result)
      }
      result += "]"
    case .object(let members):
      result += "{"
      for (index, member) in members.enumerated() {
        if index > 0 { result += "," }
        Self.quote(member.name, to: &result)
        result += ":"
        member.value.write(to: &result)
      }
      result += "}"
    }
  }

  private static func quote(_ text: String, to result: inout String) {
    result += "\""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "\"": result += "\\\""
      case "\\": result += "\\\\"
      case _ where scalar.value < 0x20:
        let digits = String(scalar.value, radix: 16)
        result += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
      default: result.unicodeScalars.append(scalar)
      }
    }
    result += "\""
  }
}
