import FileSystem
import ObjectStorage
import Platform

/// `zarrfs tree SOURCE|PATH`: the hierarchy, at the remote or in a directory.
enum TreeCommand {
  private static let jobs = 16

  static func run(_ parsed: ParsedArguments) throws {
    let given = parsed.positionals[0]
    ProcessSetup.prepare()
    let (name, nodes) = try given.contains("://") ? remote(parsed) : folder(given)
    guard !nodes.isEmpty else { throw CommandFailure("there is no Zarr array or group in \(Log.printable(name))") }
    // Nothing to show beside what failed.
    if nodes.count == 1, case .unreadable(let reason) = nodes[0].kind { throw CommandFailure(Log.printable(reason)) }
    Console.print(parsed.has("json") ? json(name, nodes) : text(name, nodes))
    let unreadable = nodes.count {
      if case .unreadable = $0.kind { return true }
      return false
    }
    if unreadable > 0 { throw CommandFailure("\(unreadable) of \(nodes.count) nodes could not be read") }
  }

  private static func folder(_ given: String) throws(CommandFailure) -> (String, [TreeNode]) {
    let place = try MountedPath(given)
    guard place.isDirectory else { throw CommandFailure("\(place.path) is not a directory") }
    return (place.path, TreeWalk(reader: try FolderReader(place), jobs: jobs).run())
  }

  private static func remote(_ parsed: ParsedArguments) throws -> (String, [TreeNode]) {
    let source: SourceURL
    do throws(StoreError) { source = try SourceURL(parsed.positionals[0]) } catch { throw UsageError(error.message) }
    var mounting = parsed
    mounting.positionals = [parsed.positionals[0], "/"]
    // At a terminal nobody waits as long as a reader does.
    if !parsed.has("timeout") { mounting.values["timeout"] = ["30s"] }
    let log = Log(level: .error, sink: LogSink.standardError)
    let remote = try Remote(MountOptions(mounting), source: source, time: SystemTimeSource(), log: log)
    defer { remote.stop() }
    return ("\(source)", TreeWalk(reader: StoreReader(remote.store), jobs: jobs).run())
  }

  static func json(_ name: String, _ nodes: [TreeNode]) -> String {
    let document = JSONText.object([
      ("format", .integer(1)), ("source", .string(name)), ("nodes", .array(nodes.map(\.json))),
    ])
    return String(decoding: document.bytes, as: UTF8.self)
  }

  /// Names in the first column, each level two blanks further in.
  static func text(_ name: String, _ nodes: [TreeNode]) -> String {
    let rows = nodes.map { node in
      let parts = node.components
      let last = parts.last.map { String(decoding: $0, as: UTF8.self) } ?? name
      return (String(repeating: "  ", count: parts.count) + Log.printable(last), Log.printable(node.line), parts.count)
    }
    let width = rows.filter { $0.2 > 0 }.map(\.0.count).max() ?? 0
    return rows.map { label, line, _ in
      label + String(repeating: " ", count: max(width - label.count, 0) + 2) + line + "\n"
    }.joined()
  }
}
