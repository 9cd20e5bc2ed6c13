/// SIZE on the command line: `512MiB`, `10GB`, `4096`.
package enum ByteCount {
  private static let units: [(name: String, size: Int64)] = [
    ("KIB", 1 << 10), ("MIB", 1 << 20), ("GIB", 1 << 30), ("TIB", 1 << 40), ("PIB", 1 << 50),
    ("KB", 1_000), ("MB", 1_000_000), ("GB", 1_000_000_000), ("TB", 1_000_000_000_000), ("PB", 1_000_000_000_000_000),
    ("K", 1 << 10), ("M", 1 << 20), ("G", 1 << 30), ("T", 1 << 40), ("P", 1 << 50), ("B", 1), ("", 1),
  ]

  /// Digits, perhaps with a decimal point, then a unit in either case: `KiB` and `K` are 1,024, `KB` is 1,000.
  /// nil where it is none of these or too large.
  package static func parse(_ text: String) -> Int64? {
    let (digits, unit) = Numeral.split(text)
    guard let size = units.first(where: { $0.name == unit.uppercased() })?.size else { return nil }
    return Numeral.multiply(digits, by: size)
  }

  /// For people: `1.5 GiB`; exact below 1 KiB.
  package static func text(_ count: Int64) -> String {
    var (value, unit) = (Double(count), 0)
    let names = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"]
    while value.magnitude >= 1024, unit < names.count - 1 {
      value /= 1024
      unit += 1
    }
    guard unit > 0 else { return "\(count) B" }
    let tenths = Int64((value * 10).rounded())
    return tenths % 10 == 0 ? "\(tenths / 10) \(names[unit])" : "\(tenths / 10).\(abs(tenths % 10)) \(names[unit])"
  }
}

/// A number with a unit behind it.
enum Numeral {
  static func split(_ text: String) -> (digits: Substring, unit: Substring) {
    let end = text.firstIndex { !($0 == "." || ("0"..."9").contains($0)) } ?? text.endIndex
    let unit = text[end...].drop { $0 == " " }
    return (text[..<end], unit)
  }

  /// At most nine digits after the point; nil for no number, and where the product does not fit.
  static func multiply(_ digits: Substring, by unit: Int64) -> Int64? {
    let parts = digits.split(separator: ".", omittingEmptySubsequences: false)
    guard parts.count <= 2, let whole = Int64(parts[0]) else { return nil }
    let product = whole.multipliedReportingOverflow(by: unit)
    guard !product.overflow else { return nil }
    guard parts.count == 2 else { return product.partialValue }
    guard (1...9).contains(parts[1].count), let fraction = Int64(parts[1]) else { return nil }
    let power = parts[1].reduce(1.0) { power, _ in power * 10 }
    let sum = product.partialValue.addingReportingOverflow(Int64((Double(fraction) / power * Double(unit)).rounded()))
    return sum.overflow ? nil : sum.partialValue
  }
}
