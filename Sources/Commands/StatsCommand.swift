import FUSE
import Glibc
import Platform

/// `zarrfs stats PATH`: from the mount's hidden control directory, so that it works across containers too.
enum StatsCommand {
  static func run(_ parsed: ParsedArguments) throws(CommandFailure) {
    let given = parsed.positionals[0]
    guard let real = realpath(given, nil) else { throw CommandFailure("\(given) cannot be found: \(Errno.current)") }
    defer { free(real) }
    let path = String(cString: real)
    guard let mount = try? MountTable.current().mount(holding: path), mount.type == "fuse.zarrfs" else {
      throw CommandFailure("\(path) is not in a mount of zarrfs: see zarrfs help mount")
    }
    let document = try document(of: path, in: mount.mountpoint)
    let text: String
    do throws(Errno) { text = String(decoding: try SmallFile.bytes(document), as: UTF8.self) } catch {
      throw CommandFailure("\(document) cannot be read: \(error)")
    }
    if parsed.has("json") {
      Console.print(text.hasSuffix("\n") ? text : text + "\n")
    } else {
      guard let rows = JSONRows.flattened(text) else {
        throw CommandFailure("\(document) is no JSON: \(text.prefix(200))")
      }
      Console.print(table(rows))
    }
  }

  private static func document(of path: String, in mountpoint: String) throws(CommandFailure) -> String {
    guard path != mountpoint else { return "\(mountpoint)/.zarrfs/stats.json" }
    var status = stat()
    guard lstat(path, &status) == 0 else { throw CommandFailure("\(path) cannot be looked at: \(Errno.current)") }
    return "\(mountpoint)/.zarrfs/inodes/\(status.st_ino).json"
  }

  /// One row per value; bytes also as people write them.
  static func table(_ rows: [JSONRows.Row]) -> String {
    let width = rows.map(\.name.count).max() ?? 0
    return rows.map { row in
      let padding = String(repeating: " ", count: width - row.name.count + 2)
      return row.name + padding + shown(row) + "\n"
    }.joined()
  }

  private static func shown(_ row: JSONRows.Row) -> String {
    let name = row.name.lowercased()
    guard row.isNumber, let count = Int64(row.value) else { return Log.printable(row.value) }
    let isBytes = ["bytes", "size", "bound", "capacity"].contains { name.hasSuffix($0) }
    return isBytes && count >= 1024 ? "\(count) (\(ByteCount.text(count)))" : row.value
  }
}

extension Log {
  /// For a terminal: keys are hostile, so control characters are written out.
  static func printable(_ value: String) -> String {
    var text = ""
    for scalar in value.unicodeScalars {
      switch scalar {
      case "\u{00}"..."\u{1F}", "\u{7F}"..."\u{9F}", "\u{200B}"..."\u{200F}", "\u{202A}"..."\u{202E}",
        "\u{2066}"..."\u{2069}":
        text += "\\u{\(String(scalar.value, radix: 16))}"
      default: text.unicodeScalars.append(scalar)
      }
    }
    return text
  }
}
