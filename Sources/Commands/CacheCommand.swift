import Cache
import FileSystem
import ObjectStorage
import Platform

/// `zarrfs cache info|verify|clear [SOURCE]`: caches seen from outside.
enum CacheCommand {
  static func run(_ parsed: ParsedArguments) throws {
    let action = parsed.positionals[0]
    guard ["info", "verify", "clear"].contains(action) else {
      let hint = Suggestion.nearest(to: action, in: ["info", "verify", "clear"])
      throw UsageError(
        "unknown action '\(action)' of zarrfs cache: "
          + (hint.map { "did you mean \($0)?" } ?? "write info, verify or clear"))
    }
    guard let directory = CacheDefaults.directory(parsed.text("cache-dir"), environment: Environment.variable) else {
      throw CommandFailure("there is no home directory for the cache: name one with --cache-dir")
    }
    // As mounting writes it, so that it names the same cache.
    var source: String?
    if parsed.positionals.count > 1 {
      do throws(StoreError) { source = "\(try SourceURL(parsed.positionals[1]))" } catch {
        throw UsageError(error.message)
      }
    }
    let caches = CacheInspection.info(directory: directory, source: source)
    if let source, caches.isEmpty { throw CommandFailure("nothing of \(source) is cached in \(directory)") }
    do {
      switch action {
      case "info": Console.print(parsed.has("json") ? json(caches) : table(caches, directory))
      case "verify": try verify(caches, directory)
      default:
        let freed = try CacheInspection.clear(directory: directory, source: source)
        Console.print("\(ByteCount.text(freed)) freed\n")
      }
    } catch let error as CacheError {
      throw CommandFailure("\(error)")
    }
  }

  /// Exit code 1 when a block was damaged: it is dropped, and fetched again when it is needed.
  private static func verify(_ caches: [CacheInspection.Info], _ directory: String) throws {
    var damaged: Int64 = 0
    let log = Log(level: .warning, sink: LogSink.standardError)
    for cache in caches {
      guard let source = cache.source else {
        Console.complain("\(cache.path) has no readable index: zarrfs cache clear removes it")
        continue
      }
      var progress = ProgressLine()
      let result = try CacheInspection.verify(directory: directory, source: source, log: log) {
        progress.show("\($0.bodies) objects, \(ByteCount.text($0.bytes)) checked, \($0.damaged) blocks damaged")
      }
      progress.clear()
      damaged += result.damaged
      Console.print(
        "\(Log.printable(source)): \(result.bodies) objects, \(result.blocks) blocks, \(ByteCount.text(result.bytes)), "
          + "\(result.damaged) damaged\n")
    }
    guard damaged == 0 else {
      throw CommandFailure("\(damaged) blocks were damaged and were dropped; they will be fetched again")
    }
  }

  /// One line, written over a few times a second, where someone looks.
  private struct ProgressLine {
    private let clock = SystemTimeSource()
    private var shown = MonotonicTime(nanoseconds: 0)

    mutating func show(_ text: @autoclosure () -> String) {
      let now = clock.monotonic()
      guard Console.isWatched, now - shown >= .milliseconds(200) else { return }
      shown = now
      Console.report("\r\u{1B}[K\(text())")
    }

    func clear() { if Console.isWatched { Console.report("\r\u{1B}[K") } }
  }

  private static func table(_ caches: [CacheInspection.Info], _ directory: String) -> String {
    guard !caches.isEmpty else { return "nothing is cached in \(directory)\n" }
    return caches.map { cache in
      let holder =
        cache.holder.map { "in use by process \($0)" } ?? (cache.isClean ? "closed cleanly" : "not closed cleanly")
      return """
        \(Log.printable(cache.source ?? "(no readable index)"))
          directory  \(cache.path)
          state      \(holder)
          disk       \(cache.allocated) (\(ByteCount.text(cache.allocated)))
          objects    \(cache.bodies) (\(ByteCount.text(cache.bodyBytes)))
          names      \(cache.entries)

        """
    }.joined()
  }

  private static func json(_ caches: [CacheInspection.Info]) -> String {
    let objects = caches.map { cache in
      JSONText.object([
        ("source", cache.source.map { .string($0) } ?? .null), ("path", .string(cache.path)),
        ("holder", cache.holder.map { .integer(Int64($0)) } ?? .null), ("allocated_bytes", .integer(cache.allocated)),
        ("objects", .integer(cache.bodies)), ("object_bytes", .integer(cache.bodyBytes)),
        ("names", .integer(cache.entries)), ("clean", .boolean(cache.isClean)),
      ])
    }
    return String(decoding: JSONText.array(objects).bytes, as: UTF8.self)
  }
}
