package import Platform

/// DURATION on the command line: `30s`, `5m`, `1h`, `infinite`.
package enum DurationText {
  private static let units: [(name: String, nanoseconds: Int64)] = [
    ("ms", 1_000_000), ("s", 1_000_000_000), ("m", 60_000_000_000), ("h", 3_600_000_000_000),
    ("d", 86_400_000_000_000), ("", 1_000_000_000),
  ]

  /// A number, perhaps with a decimal point, and `ms`, `s` (also without a unit), `m`, `h` or `d`. nil for others.
  package static func parse(_ text: String) -> Interval? {
    if ["infinite", "inf", "never"].contains(text.lowercased()) { return .infinite }
    let (digits, unit) = Numeral.split(text)
    guard let size = units.first(where: { $0.name == unit.lowercased() })?.nanoseconds,
      let nanoseconds = Numeral.multiply(digits, by: size)
    else { return nil }
    return min(Interval(nanoseconds: nanoseconds), .infinite)
  }
}
