import Glibc
import Testing

@testable import Commands

/// Every option stands in the documents, and nothing that is no option does.
struct DocumentTests {
  private static let root = #filePath.split(separator: "/").dropLast(3).map { "/\($0)" }.joined()

  @Test(arguments: ["docs/configuration.md", "docs/zarrfs.1"])
  func explainsEveryOption(document: String) throws {
    let text = try #require(SmallFile.read("\(Self.root)/\(document)"))
    let plain = text.split(separator: "\\-", omittingEmptySubsequences: false).joined(separator: "-")
    for table in CommandTables.all {
      #expect(plain.contains("zarrfs \(table.command)") || plain.contains("B \(table.command)"), "\(table.command)")
      for option in table.options { #expect(plain.contains(option.flag), "\(option.flag) is not in \(document)") }
    }
  }

  @Test(arguments: ["docs/configuration.md", "docs/zarrfs.1", "docs/troubleshooting.md"])
  func namesNoOptionThatIsNone(document: String) throws {
    let text = try #require(SmallFile.read("\(Self.root)/\(document)"))
    let plain = text.split(separator: "\\-", omittingEmptySubsequences: false).joined(separator: "-")
    let known = Set(CommandTables.all.flatMap(\.options).map(\.flag) + ["--help", "--version"])
    // Options of other programs in examples.
    let foreign: Set<String> = ["--now", "--device", "--cap-add", "--security-opt", "--name"]
    var rest = plain[...]
    while let start = rest.firstIndex(of: "-") {
      let word = rest[start...].prefix { $0 == "-" || $0.isLetter || $0.isNumber }
      rest = rest[word.endIndex...].isEmpty ? "" : rest[rest.index(after: word.endIndex)...]
      guard word.hasPrefix("--"), let first = word.dropFirst(2).first, first.isLetter else { continue }
      #expect(known.contains(String(word)) || foreign.contains(String(word)), "\(word) in \(document)")
    }
  }
}
