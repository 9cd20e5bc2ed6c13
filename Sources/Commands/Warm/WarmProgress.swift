import Platform

/// How far reading has come. Pure.
struct WarmProgress: Equatable, Sendable {
  /// To be looked at.
  var chunks: Int64
  /// To be read; nil where not known.
  var bytes: Int64?

  var done: Int64 = 0
  var read: Int64 = 0
  var absent: Int64 = 0
  /// Found cached on the way.
  var skipped: Int64 = 0
  /// What failed, with the reason; kept up to a limit.
  var failures: [String] = []
  var failed: Int64 = 0

  static let failureLimit = 10_000

  init(chunks: Int64, bytes: Int64?) {
    self.chunks = chunks
    self.bytes = bytes
  }

  mutating func fail(_ text: String) {
    failed += 1
    if failures.count < Self.failureLimit { failures.append(text) }
  }

  /// 0 to 1, by bytes where they are known.
  var fraction: Double {
    if let bytes, bytes > 0 { return min(Double(read) / Double(bytes), 1) }
    return chunks > 0 ? min(Double(done) / Double(chunks), 1) : 1
  }

  /// One line without its end. `bar`: with a bar of so many columns.
  func line(after elapsed: Interval, bar width: Int = 0) -> String {
    let seconds = max(elapsed.seconds, 0.001)
    let percent = Int((fraction * 100).rounded(.down))
    var text = ""
    if width > 0 {
      let full = Int((fraction * Double(width)).rounded(.down))
      text += "[" + String(repeating: "=", count: full) + String(repeating: " ", count: width - full) + "] "
    }
    text += "\(percent) %  \(done)/\(chunks) chunks  \(ByteCount.text(read))"
    if let bytes { text += " of \(ByteCount.text(bytes))" }
    text += "  \(ByteCount.text(Int64(Double(read) / seconds)))/s"
    if fraction > 0, fraction < 1 { text += "  \(Self.duration(seconds / fraction - seconds)) left" }
    if failed > 0 { text += "  \(failed) failed" }
    return text
  }

  static func duration(_ seconds: Double) -> String {
    let whole = seconds < 360_000_000 ? Int64(seconds.rounded(.up)) : 360_000_000
    if whole < 60 { return "\(whole) s" }
    if whole < 3600 { return "\(whole / 60) min \(whole % 60) s" }
    return "\(whole / 3600) h \(whole % 3600 / 60) min"
  }
}
