package import Platform

/// A command line taken apart; values are still text.
package struct ParsedArguments: Equatable, Sendable {
  package var positionals: [String] = []
  package var values: [String: [String]] = [:]
  package var wantsHelp = false

  package init() {}

  package func has(_ name: String) -> Bool { values[name] != nil }
  package func text(_ name: String) -> String? { values[name]?.last }

  package func size(_ name: String) throws(UsageError) -> Int64? {
    guard let text = text(name) else { return nil }
    guard let size = ByteCount.parse(text) else {
      throw UsageError("--\(name) is '\(text)', which is no size: write it as 512MiB or 10GB")
    }
    return size
  }

  package func duration(_ name: String) throws(UsageError) -> Interval? {
    guard let text = text(name) else { return nil }
    guard let duration = DurationText.parse(text) else {
      throw UsageError("--\(name) is '\(text)', which is no duration: write it as 30s, 5m, 1h or infinite")
    }
    return duration
  }

  package func number(_ name: String, in range: ClosedRange<Int>) throws(UsageError) -> Int? {
    guard let text = text(name) else { return nil }
    guard let number = Int(text), range.contains(number) else {
      throw UsageError(
        "--\(name) is '\(text)'; it must be a number from \(range.lowerBound) to \(range.upperBound)")
    }
    return number
  }
}
