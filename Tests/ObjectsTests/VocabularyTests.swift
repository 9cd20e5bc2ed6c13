import Objects
import Testing

@Suite struct ObjectKeyTests {
  @Test func directoriesEndWithASlash() {
    #expect(ObjectKey.root.isDirectory)
    #expect(ObjectKey("a/b/").isDirectory)
    #expect(!ObjectKey("a/b").isDirectory)
  }

  @Test func theDirectoryOfAKeyHoldsIt() {
    #expect(ObjectKey("a/b/c").directory == "a/b/")
    #expect(ObjectKey("a/b/").directory == "a/")
    #expect(ObjectKey("a").directory == .root)
    #expect(ObjectKey.root.directory == .root)
    #expect(ObjectKey("a/b/").appending("c") == "a/b/c")
    #expect(ObjectKey.root.appending("a", asDirectory: true) == "a/")
  }

  @Test func keysAreBytes() {
    let composed = ObjectKey(bytes: [0xC3, 0xA9])
    let decomposed = ObjectKey(bytes: [0x65, 0xCC, 0x81])
    #expect(composed != decomposed, "equal as characters, not as keys")
    #expect(ObjectKey(bytes: [0xFF]) != ObjectKey(bytes: [0xFE]))
  }
}

@Suite struct EntryNameTests {
  @Test(arguments: ["a", ".zarray", "...", "a b", "\u{1}", String(repeating: "x", count: 255)])
  func presentable(name: String) { #expect(EntryName(name).isPresentable) }

  @Test(arguments: ["", ".", "..", "a/b", "a\0", String(repeating: "x", count: 256)])
  func notPresentable(name: String) { #expect(!EntryName(name).isPresentable) }

  @Test func namesSortByBytes() {
    #expect(EntryName("B") < EntryName("a"))
    #expect(EntryName("a") < EntryName("aa"))
    #expect(EntryName(bytes: [0x7F]) < EntryName(bytes: [0x80]))
  }
}

@Suite struct EntityTagTests {
  @Test(arguments: [
    "\"0123456789abcdef0123456789abcdef\"", "\"00000000000000000000000000000000\"",
    "\"ffffffffffffffffffffffffffffffff\"", "\"0123456789ABCDEF0123456789abcdef\"",
    "\"0123456789abcdef0123456789abcdef-3\"", "W/\"0123456789abcdef0123456789abcdef\"", "\"\"", "plain",
  ])
  func comesBackAsItWasSent(text: String) { #expect(EntityTag(text).text == text) }

  @Test func caseMatters() {
    #expect(
      EntityTag("\"0123456789ABCDEF0123456789abcdef\"") != EntityTag("\"0123456789abcdef0123456789abcdef\""))
  }

  @Test func weakIsTold() {
    #expect(EntityTag("W/\"a\"").isWeak)
    #expect(!EntityTag("\"W/a\"").isWeak)
  }
}

@Suite struct ObjectVersionTests {
  private func version(_ tag: String?, _ size: Int64, _ modified: Int64) -> ObjectVersion {
    ObjectVersion(tag: tag.map { EntityTag($0) }, size: size, modified: modified)
  }

  @Test func withTagsTheTimeDoesNotMatter() {
    #expect(version("\"a\"", 1, 5) == version("\"a\"", 1, 9))
    #expect(version("\"a\"", 1, 5) != version("\"b\"", 1, 5))
    #expect(version("\"a\"", 1, 5) != version("\"a\"", 2, 5))
    #expect(version("\"a\"", 1, 5).hashValue == version("\"a\"", 1, 9).hashValue)
  }

  @Test func withoutTagsTheTimeDecides() {
    #expect(version(nil, 1, 5) == version(nil, 1, 5))
    #expect(version(nil, 1, 5) != version(nil, 1, 6))
    #expect(version(nil, 1, 5) != version("\"a\"", 1, 5))
  }
}

@Suite struct ByteRangeTests {
  /// Exhaustive over small numbers: the result covers the range, lies on units or at the limit, and is the smallest.
  @Test func alignedIsTheSmallestCover() {
    let unit: Int64 = 4
    for limit in Int64(0)...13 {
      for lower in 0...limit {
        for upper in lower...limit {
          let aligned = (lower..<upper).aligned(to: unit, limit: limit)
          let isRight =
            aligned.lowerBound <= lower && aligned.upperBound >= upper && aligned.lowerBound % unit == 0
            && (aligned.upperBound % unit == 0 || aligned.upperBound == limit) && lower - aligned.lowerBound < unit
            && aligned.upperBound - upper < unit && aligned.upperBound <= max(limit, aligned.lowerBound)
          #expect(isRight, "\(lower)..<\(upper) of \(limit): \(aligned)")
        }
      }
    }
  }
}
