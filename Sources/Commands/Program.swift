import Glibc

/// The whole command line: what `main` calls.
package enum Program {
  /// `arguments` with the program's name first; the exit code: 0, 1 for a failure, 2 for a wrong command line.
  package static func run(_ arguments: [String]) -> CInt {
    do {
      try dispatch(arguments)
      return 0
    } catch let error as UsageError {
      Console.complain("\(error)")
      return 2
    } catch let error as CommandFailure {
      Console.complain("\(error)")
      return 1
    } catch let exit as Exit {
      return exit.code
    } catch {
      Console.complain("\(error)")
      return 1
    }
  }

  /// Ends with a code after everything was said.
  struct Exit: Error {
    var code: CInt
  }

  private static func dispatch(_ arguments: [String]) throws {
    var words = arguments.dropFirst()
    if arguments.first?.split(separator: "/").last == "mount.zarrfs" {
      guard let translated = MountHelper.translate(Array(words)) else { return }
      words = translated[...]
    }
    guard let command = words.popFirst() else {
      throw UsageError("no command given\n\n\(CommandTables.overview)")
    }
    guard let table = CommandTables.table(command) else {
      let hint = Suggestion.nearest(to: command, in: CommandTables.all.map(\.command))
      throw UsageError("unknown command '\(command)': " + (hint.map { "did you mean \($0)?" } ?? "see zarrfs help"))
    }
    let parsed = try table.parse(Array(words))
    if parsed.wantsHelp { return Console.print(table.help) }
    switch table.command {
    case "mount": try MountCommand.run(MountOptions(parsed))
    case "unmount": try UnmountCommand.run(parsed)
    case "stats": try StatsCommand.run(parsed)
    case "tree": try TreeCommand.run(parsed)
    case "warm": try WarmCommand.run(parsed)
    case "evict": try EvictCommand.run(parsed)
    case "cache": try CacheCommand.run(parsed)
    case "version": Console.print("zarrfs \(Version.text)\n")
    default: try help(parsed.positionals.first)
    }
  }

  private static func help(_ command: String?) throws(UsageError) {
    guard let command else { return Console.print(CommandTables.overview) }
    guard let table = CommandTables.table(command) else {
      throw UsageError("unknown command '\(command)': see zarrfs help")
    }
    Console.print(table.help)
  }
}
