import Glibc

/// One line per problem: a static message and key=value fields.
///
/// Values are escaped, so that a hostile key cannot forge a line or steer a terminal. Credentials never get here.
package final class Log: Sendable {
  package enum Level: Int, Comparable, CaseIterable, Sendable {
    case error, warning, info, debug
    package static func < (a: Level, b: Level) -> Bool { a.rawValue < b.rawValue }
  }

  /// Where lines go; called with a whole line without its newline.
  package typealias Sink = @Sendable (Level, String) -> Void

  private let level: Level
  private let sink: Sink

  package init(level: Level, sink: @escaping Sink) {
    self.level = level
    self.sink = sink
  }

  /// Drops every line; for tests and for code that runs before a log exists.
  package static let silent = Log(level: .error) { _, _ in }

  package func error(_ message: StaticString, _ fields: @autoclosure () -> [(String, String)] = []) {
    write(.error, message, fields)
  }
  package func warning(_ message: StaticString, _ fields: @autoclosure () -> [(String, String)] = []) {
    write(.warning, message, fields)
  }
  package func info(_ message: StaticString, _ fields: @autoclosure () -> [(String, String)] = []) {
    write(.info, message, fields)
  }
  package func debug(_ message: StaticString, _ fields: @autoclosure () -> [(String, String)] = []) {
    write(.debug, message, fields)
  }

  private func write(_ level: Level, _ message: StaticString, _ fields: () -> [(String, String)]) {
    guard level <= self.level else { return }
    var line = "\(message)"
    for (name, value) in fields() { line += " \(name)=\(Log.escaped(value))" }
    sink(level, line)
  }

  /// The value, quoted where it has blanks or quotes; control and non-ASCII scalars as \u{…}; at most 1,200 characters.
  package static func escaped(_ value: String) -> String {
    var text = ""
    var needsQuotes = value.isEmpty
    for scalar in value.unicodeScalars.prefix(1200) {
      switch scalar {
      case "\"", "\\":
        text += "\\"
        text.unicodeScalars.append(scalar)
        needsQuotes = true
      case " ", "=":
        text.unicodeScalars.append(scalar)
        needsQuotes = true
      case "!"..."~": text.unicodeScalars.append(scalar)
      default: text += "\\u{\(String(scalar.value, radix: 16))}"
      }
    }
    return needsQuotes ? "\"\(text)\"" : text
  }
}
