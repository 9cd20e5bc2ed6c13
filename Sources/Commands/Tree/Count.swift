/// `1 chunk`, `2 chunks`.
enum Count {
  /// nil is a number that does not fit.
  static func text(_ count: Int64?, _ thing: String) -> String {
    guard let count else { return "countless \(thing)s" }
    return "\(count) \(thing)\(count == 1 ? "" : "s")"
  }
}
