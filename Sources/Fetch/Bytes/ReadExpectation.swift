/// Whether a lookup will be followed by a read of the file, judged by those before: programs that look at names alone
/// (`find -newer`, `stat`) must not have the disk read for them. Pure.
struct ReadExpectation: Sendable {
  /// A program that reads and then only looks has so many files read for nothing.
  private static let most = 32

  private var credit = 0

  /// Of a file. Whether it is likely to be read next.
  mutating func lookedUp() -> Bool {
    defer { credit = max(0, credit - 1) }
    return credit > 0
  }

  /// From its beginning.
  mutating func read() { credit = min(Self.most, credit + 2) }
}
