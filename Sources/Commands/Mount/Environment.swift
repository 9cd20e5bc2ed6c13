import Glibc

/// The process's environment, as a value.
enum Environment {
  static var all: [String: String] {
    var variables: [String: String] = [:]
    var cursor = environ
    while let entry = cursor.pointee {
      let text = String(cString: entry)
      if let equals = text.firstIndex(of: "=") {
        variables[String(text[..<equals])] = String(text[text.index(after: equals)...])
      }
      cursor += 1
    }
    return variables
  }

  /// nil for one that is not set, or empty.
  static func variable(_ name: String) -> String? {
    getenv(name).map { String(cString: $0) }.flatMap { $0.isEmpty ? nil : $0 }
  }

  static var home: String? {
    variable("HOME") ?? getpwuid(geteuid())?.pointee.pw_dir.map { String(cString: $0) }
  }
}
