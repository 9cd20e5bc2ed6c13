/// The command line on which mount(8) calls `mount.zarrfs`: SOURCE DIR [-sfnv] [-N NAMESPACE] [-o OPTIONS] [-t TYPE].
enum MountHelper {
  /// The same for `zarrfs`; nil for `-f`, which only plays at mounting.
  static func translate(_ arguments: [String]) -> [String]? {
    var words = ["mount"]
    var rest = arguments[...]
    while let word = rest.popFirst() {
      switch word {
      case "-o":
        words.append(word)
        if let options = rest.popFirst() { words.append(options) }
      case "-t", "-N": _ = rest.popFirst()
      default:
        let letters = word.dropFirst()
        let isFlags = word.hasPrefix("-") && !letters.isEmpty && letters.allSatisfy { "sfnvrw".contains($0) }
        guard isFlags else {
          words.append(word)
          continue
        }
        if letters.contains("f") { return nil }
      }
    }
    return words
  }
}
