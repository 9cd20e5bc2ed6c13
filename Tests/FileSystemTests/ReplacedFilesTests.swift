import FileSystem
import Objects
import Testing

@Suite struct ReplacedFilesTests {
  private var files = ReplacedFiles()
  private let old = InodeNumber(70_001)
  private let other = InodeNumber(70_002)

  @Test mutating func untilTheNameIsLookedUp() {
    files.note(old, named: "a", in: .root)
    files.lookedUp("b", in: .root)
    files.lookedUp("a", in: other)
    #expect(files.contains(old) && !files.contains(other))
    files.lookedUp("a", in: .root)
    #expect(!files.contains(old))
  }

  @Test mutating func untilItIsForgotten() {
    files.note(old, named: "a", in: .root)
    files.forget(other)
    #expect(files.contains(old))
    files.forget(old)
    #expect(!files.contains(old))
    // Its name means nothing now.
    files.note(other, named: "a", in: .root)
    files.forget(old)
    #expect(files.contains(other))
  }

  /// The name led to one, and then to another.
  @Test mutating func theLatestOfAName() {
    files.note(old, named: "a", in: .root)
    files.note(other, named: "a", in: .root)
    #expect(!files.contains(old) && files.contains(other))
    files.note(other, named: "b", in: .root)
    files.lookedUp("a", in: .root)
    #expect(files.contains(other))
    files.lookedUp("b", in: .root)
    #expect(!files.contains(other))
  }
}
