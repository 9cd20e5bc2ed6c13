/// The word that was probably meant.
enum Suggestion {
  /// The nearest of `words`, if it is near enough: at most a third of its letters wrong.
  static func nearest(to word: String, in words: [String]) -> String? {
    let best = words.map { (word: $0, distance: distance(word, $0)) }.min { $0.distance < $1.distance }
    guard let best, best.distance <= max(best.word.count, 3) / 3 else { return nil }
    return best.word
  }

  /// Letters to put in, take out, change or swap with their neighbour (optimal string alignment).
  static func distance(_ a: String, _ b: String) -> Int {
    let (a, b) = (Array(a.utf8), Array(b.utf8))
    guard !a.isEmpty, !b.isEmpty, a.count < 200 else { return max(a.count, b.count) }
    var rows = [Array(0...b.count)]
    for i in 1...a.count {
      var row = [i]
      for j in 1...b.count {
        var cost = min(rows[i - 1][j] + 1, row[j - 1] + 1, rows[i - 1][j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1))
        if i > 1, j > 1, a[i - 1] == b[j - 2], a[i - 2] == b[j - 1] { cost = min(cost, rows[i - 2][j - 2] + 1) }
        row.append(cost)
      }
      rows.append(row)
    }
    return rows[a.count][b.count]
  }
}
