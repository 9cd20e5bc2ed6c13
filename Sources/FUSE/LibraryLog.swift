import CFUSE
import Platform

/// The process-wide parts of libfuse. What it says is kept for the error text of a mount that fails. It has one log per process.
enum LibraryLog {
  private static let lines = Monitor<[String]>([])

  /// libfuse has one log function, unguarded: it is set once.
  private static let isInstalled: Bool = {
    cfuse_set_log { _, line in
      guard let line else { return }
      let text = String(cString: line)
      LibraryLog.lines.withLock { lines in
        if lines.count >= 8 { lines.removeFirst() }
        lines.append(text)
      }
    }
    cfuse_prepare_wakeup()
    return true
  }()

  /// Forgets what was said before.
  static func start() {
    precondition(isInstalled)
    lines.withLock { $0 = [] }
  }

  /// The last lines, joined.
  static func recent() -> String {
    lines.withLock { lines in
      defer { lines = [] }
      return lines.isEmpty ? "no reason given" : lines.joined(separator: "; ")
    }
  }
}
