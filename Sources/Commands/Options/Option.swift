/// One option of a command: what the parser, the help and the documents know of it.
package struct Option: Sendable {
  package enum Argument: Equatable, Sendable {
    /// None: given or not given. In `-o` it may also be `name=yes` and `name=no`.
    case none
    /// Any text; the placeholder stands in the help.
    case text(String)
    /// One of these words.
    case choice([String])
  }

  package var name: String
  package var argument: Argument
  /// One line for the help.
  package var summary: String
  /// What holds without it; nil where that is plain.
  package var standard: String?
  /// May stand several times; the values are kept in order.
  package var repeats = false

  package init(
    _ name: String, _ argument: Argument, _ summary: String, standard: String? = nil, repeats: Bool = false
  ) {
    self.name = name
    self.argument = argument
    self.summary = summary
    self.standard = standard
    self.repeats = repeats
  }

  package init(_ name: String, _ summary: String, standard: String? = nil) {
    self.init(name, .none, summary, standard: standard)
  }

  /// `--cache-size`, and `-o` for names of one letter.
  package var flag: String { name.count == 1 ? "-\(name)" : "--\(name)" }

  /// `--cache-size SIZE`.
  package var synopsis: String {
    switch argument {
    case .none: flag
    case .text(let placeholder): "\(flag) \(placeholder)"
    case .choice(let words): "\(flag) \(words.joined(separator: "|"))"
    }
  }
}
