import Fetch
import ObjectStorage
import Objects
import Testing
import TestSupport

private let version = ObjectVersion(tag: nil, size: 1, modified: 0)

@Suite struct NamesListPlanTests {
  private func page(_ objects: [String], _ prefixes: [String] = [], next: String? = nil) -> ListPage {
    ListPage(
      objects: objects.map { ListPage.Object(key: ObjectKey($0), version: version) },
      prefixes: prefixes.map { ObjectKey($0) }, continuation: next)
  }

  /// Names, directories with a slash, in order; nil when it failed.
  private func run(_ plan: inout ListPlan, _ page: ListPage) -> [String]? {
    guard case .add(let entries, let next) = plan.page(page) else { return nil }
    #expect(next == page.continuation)
    return entries.map { $0.1 == .directory ? "\($0.0)/" : "\($0.0)" }
  }

  @Test func namesLoseThePrefix() {
    var plan = ListPlan(prefix: "d/")
    #expect(run(&plan, page(["d/a", "d/b"], ["d/c/"])) == ["c/", "a", "b"])
  }

  @Test func theMarkerOfTheDirectoryItselfIsNoEntry() {
    var plan = ListPlan(prefix: "d/")
    #expect(run(&plan, page(["d/", "d/a"])) == ["a"])
    #expect(plan.hidden == 0)
  }

  @Test func unpresentableNamesAreHiddenAndCounted() {
    var plan = ListPlan(prefix: "")
    let long = String(repeating: "x", count: 256)
    #expect(run(&plan, page([".", "..", "a\u{0}b", long, "ok"], ["/", "../"])) == ["ok"])
    #expect(plan.hidden == 6)
  }

  @Test func theDirectoryWinsOnOnePage() {
    var plan = ListPlan(prefix: "")
    #expect(run(&plan, page(["a", "a-b"], ["a/"])) == ["a/", "a-b"])
  }

  @Test func theDirectoryWinsAcrossPages() {
    var plan = ListPlan(prefix: "")
    #expect(run(&plan, page(["a"], next: "1")) == [])
    #expect(run(&plan, page(["a-b"], next: "2")) == [])
    #expect(run(&plan, page(["a-b-c", "a.d"], next: "3")) == ["a-b", "a-b-c"])
    #expect(run(&plan, page(["b"], ["a/"])) == ["a/", "a.d", "b"])
  }

  @Test func anObjectIsShownWhenItsDirectoryCannotComeAnyMore() {
    var plan = ListPlan(prefix: "")
    #expect(run(&plan, page(["a"], next: "1")) == [])
    #expect(run(&plan, page(["a0"], next: "2")) == ["a"])
    #expect(run(&plan, page([], next: "3")) == [])
    #expect(run(&plan, page([])) == ["a0"])
  }

  @Test func aRepeatedTokenFails() {
    var plan = ListPlan(prefix: "")
    #expect(run(&plan, page(["a"], next: "1")) != nil)
    #expect(run(&plan, page(["b"], next: "1")) == nil)
    // A cycle of two.
    plan = ListPlan(prefix: "")
    let ends = (0..<10).map { run(&plan, page([], next: $0 % 2 == 0 ? "x" : "y")) }
    #expect(ends.contains { $0 == nil })
  }

  /// Random trees in pages of random sizes: each name once, directories over objects.
  @Test(arguments: 0..<50 as Range<UInt64>) func eachNameIsShownOnce(seed: UInt64) throws {
    var random = SeededGenerator(seed: seed)
    var bucket = InMemoryBucket()
    var expected: [String: Bool] = [:]
    for _ in 0..<40 {
      var key = ""
      for _ in 0..<Int.random(in: 1...4, using: &random) {
        key += ["a", "b", "-", "/", "."].randomElement(using: &random)!
      }
      bucket.put(ObjectKey(key), [1])
      let parts = key.split(separator: "/", omittingEmptySubsequences: false).map(String.init)
      guard EntryName(parts[0]).isPresentable else { continue }
      expected[parts[0]] = (expected[parts[0]] ?? false) || parts.count > 1
    }
    var plan = ListPlan(prefix: .root)
    var shown: [String: Bool] = [:]
    var token: String?
    repeat {
      let limit = Int.random(in: 1...5, using: &random)
      let page = try bucket.page(ListRequest(prefix: .root, continuation: token, limit: limit))
      guard case .add(let entries, let next) = plan.page(page) else {
        Issue.record("failed")
        return
      }
      for (name, kind) in entries {
        #expect(shown["\(name)"] == nil)
        shown["\(name)"] = kind == .directory
      }
      token = next
    } while token != nil
    #expect(shown == expected)
  }
}
