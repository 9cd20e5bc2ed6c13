import Glibc

/// Standard output and error, unbuffered: a fork must not write things twice.
enum Console {
  static func print(_ text: String) { write(text, to: 1) }

  /// One line that says which program speaks.
  static func complain(_ text: String) { write("zarrfs: \(text)\n", to: 2) }

  /// On standard error, as it is: progress.
  static func report(_ text: String) { write(text, to: 2) }

  /// Whether someone looks at standard error as it is written.
  static var isWatched: Bool { isatty(2) == 1 }

  private static func write(_ text: String, to descriptor: CInt) {
    var rest = Array(text.utf8)[...]
    while !rest.isEmpty {
      let count = rest.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress!, $0.count) }
      if count < 0, errno == EINTR { continue }
      if count <= 0 { return }
      rest = rest.dropFirst(count)
    }
  }
}
