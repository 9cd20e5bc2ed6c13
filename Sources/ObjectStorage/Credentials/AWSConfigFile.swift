/// An INI file as AWS writes them (`~/.aws/config`, `~/.aws/credentials`): sections of `name = value`.
///
/// Pure. As the AWS command line reads it: whole-line comments with `#` or `;` only, names in lower case, a later line
/// wins, sections of one name are one. Indented lines belong to a nested value (`s3 =`), which nothing here needs.
struct AWSConfigFile {
  private(set) var sections: [String: [String: String]] = [:]

  init() {}

  init(_ bytes: [UInt8]) {
    var section: String?
    var text = Substring(String(decoding: bytes, as: UTF8.self))
    if text.unicodeScalars.first == "\u{FEFF}" { text.unicodeScalars.removeFirst() }
    for line in text.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline) {
      guard let first = line.first, first != "#", first != ";" else { continue }
      if first == "[" {
        section = line.firstIndex(of: "]").map { Self.sectionName(line[line.index(after: line.startIndex)..<$0]) }
        if let section { sections[section, default: [:]] = sections[section] ?? [:] }
        continue
      }
      guard !first.isWhitespace, let section, let equals = line.firstIndex(of: "=") else { continue }
      let name = Self.trimmed(line[..<equals]).lowercased()
      sections[section, default: [:]][name] = Self.trimmed(line[line.index(after: equals)...])
    }
  }

  /// Blanks made one, quotes dropped: `[ profile  "a b" ]` is `profile a b`.
  private static func sectionName(_ text: Substring) -> String {
    let trimmed = trimmed(text)
    guard let blank = trimmed.firstIndex(where: \.isWhitespace) else { return unquoted(trimmed[...]) }
    return trimmed[..<blank] + " " + unquoted(Self.trimmed(trimmed[blank...])[...])
  }

  private static func unquoted(_ text: Substring) -> String {
    guard text.count >= 2, let quote = text.first, quote == "\"" || quote == "'", text.last == quote else {
      return String(text)
    }
    return String(text.dropFirst().dropLast())
  }

  private static func trimmed(_ text: Substring) -> String {
    var text = text.drop(while: \.isWhitespace)
    while let last = text.last, last.isWhitespace { text.removeLast() }
    return String(text)
  }
}
