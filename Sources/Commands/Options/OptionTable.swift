/// What a command takes: the one place from which it is parsed and its help is written.
package struct OptionTable: Sendable {
  package var command: String
  /// `SOURCE MOUNTPOINT`; a name in brackets may be left out.
  package var positionals: [String]
  package var summary: String
  package var options: [Option]
  /// More for the help, below the options.
  package var notes: String = ""

  package init(command: String, positionals: [String], summary: String, options: [Option], notes: String = "") {
    self.command = command
    self.positionals = positionals
    self.summary = summary
    self.options = options
    self.notes = notes
  }

  package func option(named name: String) -> Option? { options.first { $0.name == name } }

  /// `arguments` without the program's and the command's name. `--` ends the options. `--help` is always understood.
  package func parse(_ arguments: [String]) throws(UsageError) -> ParsedArguments {
    var parsed = ParsedArguments()
    var rest = arguments[...]
    var onlyPositionals = false
    while let word = rest.popFirst() {
      if onlyPositionals || word == "-" || !word.hasPrefix("-") {
        parsed.positionals.append(word)
      } else if word == "--" {
        onlyPositionals = true
      } else if word == "--help" || word == "-h" {
        parsed.wantsHelp = true
      } else {
        try take(word, &rest, into: &parsed)
      }
    }
    if parsed.wantsHelp { return parsed }
    let needed = positionals.count { !$0.hasPrefix("[") }
    guard parsed.positionals.count >= needed else {
      throw UsageError("\(positionals[parsed.positionals.count]) is missing; \(usage)")
    }
    guard parsed.positionals.count <= positionals.count else {
      throw UsageError("too many arguments, beginning with '\(parsed.positionals[positionals.count])'; \(usage)")
    }
    return parsed
  }

  private func take(
    _ word: String, _ rest: inout ArraySlice<String>, into parsed: inout ParsedArguments
  ) throws(UsageError) {
    let isLong = word.hasPrefix("--")
    let body = word.dropFirst(isLong ? 2 : 1)
    let name: String
    var value: String?
    if isLong {
      let halves = body.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
      name = String(halves[0])
      value = halves.count == 2 ? String(halves[1]) : nil
    } else {
      // `-o VALUE` and `-oVALUE`.
      name = String(body.prefix(1))
      value = body.count > 1 ? String(body.dropFirst()) : nil
    }
    guard let option = option(named: name), (option.name.count > 1) == isLong else { throw unknown(word, name) }
    if option.argument != .none, value == nil {
      guard let next = rest.popFirst() else { throw UsageError("\(option.flag) needs a value: \(option.synopsis)") }
      value = next
    }
    if option.argument == .none, value != nil {
      throw UsageError("\(option.flag) takes no value, but has '\(value!)'")
    }
    if option.name == "o" {
      try takeMountOptions(value!, into: &parsed)
    } else {
      try set(option, value, into: &parsed)
    }
  }

  private func set(_ option: Option, _ value: String?, into parsed: inout ParsedArguments) throws(UsageError) {
    if case .choice(let words) = option.argument, !words.contains(value ?? "") {
      // A choice may offer a number: `off|N`.
      guard words.contains("N"), let number = Int(value ?? ""), number >= 0 else {
        throw UsageError("\(option.flag) must be \(words.joined(separator: " or ")), but is '\(value ?? "")'")
      }
    }
    if option.repeats {
      parsed.values[option.name, default: []].append(value ?? "yes")
    } else {
      parsed.values[option.name] = [value ?? "yes"]
    }
  }

  /// The comma-separated list of mount(8) and fstab: every option of the command by its name (`-` may be `_`), and the
  /// ones that mount(8) itself knows, which mean nothing here. `\,` is a comma.
  private func takeMountOptions(_ list: String, into parsed: inout ParsedArguments) throws(UsageError) {
    for item in MountOptionList.split(list) {
      let halves = item.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
      guard let first = halves.first, !first.isEmpty else { continue }
      let name = first.map { $0 == "_" ? "-" : String($0) }.joined()
      let value = halves.count == 2 ? String(halves[1]) : nil
      if name == "remount" {
        throw UsageError("a mount cannot be changed while it stands (-o remount): unmount it, and mount it again")
      } else if name == "nonempty" {
        parsed.values["nonempty"] = ["yes"]
      } else if let option = option(named: name), name != "o" {
        switch (option.argument, value) {
        case (.none, nil), (.none, "yes"), (.none, "true"), (.none, "1"): try set(option, nil, into: &parsed)
        case (.none, "no"), (.none, "false"), (.none, "0"): parsed.values[name] = nil
        case (.none, _): throw UsageError("-o \(name) must be yes or no, but is '\(value!)'")
        case (_, nil): throw UsageError("-o \(name) needs a value: -o \(name)=…")
        case (_, let value?): try set(option, value, into: &parsed)
        }
      } else if !MountOptionList.isGeneric(String(first)) {
        throw unknown("-o \(first)", name)
      }
    }
  }

  private func unknown(_ word: String, _ name: String) -> UsageError {
    let nearest = Suggestion.nearest(to: name, in: options.map(\.name))
    let hint = nearest.map { "did you mean \(word.hasPrefix("-o") ? $0 : "--" + $0)?" } ?? "see zarrfs help \(command)"
    return UsageError("unknown option '\(word)' of zarrfs \(command): \(hint)")
  }

  private var usage: String { "usage: zarrfs \(([command] + positionals).joined(separator: " ")) [OPTIONS]" }

  /// What `zarrfs help COMMAND` prints.
  package var help: String {
    var text = "\(usage)\n\n\(summary)\n"
    if !options.isEmpty { text += "\nOptions:\n" }
    for option in options {
      let standard = option.standard.map { " (default: \($0))" } ?? ""
      text += "  \(option.synopsis)\n      \(option.summary)\(standard)\n"
    }
    return notes.isEmpty ? text : text + "\n\(notes)\n"
  }
}
