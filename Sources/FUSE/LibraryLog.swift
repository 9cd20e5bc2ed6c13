import CFUSE
import Platform

/// What libfuse says, kept for the error text of a mount that fails. It has one log per process.
enum LibraryLog {
  private static let lines = Monitor<[String]>([])

  static func start() {
    lines.withLock { $0 = [] }
    cfuse_set_log { _, line in
      guard let line else { return }
      let text = String(cString: line)
      LibraryLog.lines.withLock { lines in
        if lines.count >= 8 { lines.removeFirst() }
        lines.append(text)
      }
    }
  }

  /// The last lines, joined.
  static func recent() -> String {
    lines.withLock { lines in
      defer { lines = [] }
      return lines.isEmpty ? "no reason given" : lines.joined(separator: "; ")
    }
  }
}
