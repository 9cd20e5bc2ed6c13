import FileSystem
import Objects
import Platform
import TestSupport
import Testing

@Suite struct InodeTableTests {
  private func number(_ value: Int) -> InodeNumber { InodeNumber(UInt64(100_000 + value)) }
  private let version = ObjectVersion(tag: EntityTag("\"x\""), size: 5, modified: 9)

  @Test func keysAreBuiltByWalkingUp() {
    var table = InodeTable()
    #expect(table.key(of: .root) == .root)
    let held = [
      table.hold(number(1), named: "a.zarr", in: .root, .directory),
      table.hold(number(2), named: "air", in: number(1), .directory),
      table.hold(number(3), named: "0.0", in: number(2), .file(version)),
    ]
    #expect(held == [true, true, true])
    #expect(table.key(of: number(3)) == "a.zarr/air/0.0")
    #expect(table.key(of: number(2)) == "a.zarr/air/")
    #expect(table.node(number(3))?.shape == .file(version))
    #expect(table.node(number(3))?.parent == number(2))
    #expect(table.key(of: number(9)) == nil)
    let isHeld = table.hold(number(5), named: "x", in: number(9), .directory)
    #expect(!isHeld)
  }

  @Test func forgottenWhenCountedDown() {
    var table = InodeTable()
    _ = table.hold(number(1), named: "a", in: .root, .directory)
    _ = table.hold(number(1), named: "a", in: .root, .directory)
    table.forget(number(1), count: 1)
    #expect(table.count == 2)
    table.forget(number(1), count: 1)
    #expect(table.count == 1)
    table.forget(.root, count: 100)
    #expect(table.key(of: .root) == .root)
  }

  /// The kernel may forget a parent before its child.
  @Test func aParentOutlivesItsChildren() {
    var table = InodeTable()
    _ = table.hold(number(1), named: "a", in: .root, .directory)
    _ = table.hold(number(2), named: "b", in: number(1), .file(version))
    table.forget(number(1), count: 1)
    #expect(table.key(of: number(2)) == "a/b")
    table.forget(number(2), count: 1)
    #expect(table.count == 1)
  }

  @Test func poisonedNodesKeepTheirError() {
    var table = InodeTable()
    _ = table.hold(number(1), named: "a", in: .root, .poisoned(.accessDenied))
    #expect(table.node(number(1))?.shape == .poisoned(.accessDenied))
  }

  @Test func halfAMillionNamesFitInto60MB() {
    var table = InodeTable()
    for value in 0..<500_000 {
      _ = table.hold(
        number(value), named: EntryName("chunk.\(value).0.0.123"), in: value == 0 ? .root : number(0),
        value == 0 ? .directory : .file(version))
    }
    #expect(table.count == 500_001)
    #expect(table.footprint < 60_000_000)
    #expect(table.key(of: number(499_999)) == "chunk.0.0.0.123/chunk.499999.0.0.123")
    let full = table.footprint
    for value in 0..<500_000 { table.forget(number(value), count: 1) }
    #expect(table.count == 1)
    #expect(table.footprint <= full)
  }

  /// Against a dictionary.
  @Test(arguments: 0..<20 as Range<UInt64>) func agreesWithADictionary(seed: UInt64) {
    var random = SeededGenerator(seed: seed)
    var table = InodeTable()
    var model: [Int: (key: String, lookups: Int, parent: Int?)] = [:]
    for step in 0..<300 {
      if Int.random(in: 0..<3, using: &random) > 0 {
        let candidates = model.filter { $0.value.lookups > 0 && $0.value.key.hasSuffix("/") }.keys.sorted()
        let parent = Bool.random(using: &random) ? nil : candidates.randomElement(using: &random)
        let isDirectory = Bool.random(using: &random)
        let name = "n\(step)"
        let isHeld = table.hold(
          number(step), named: EntryName(name), in: parent.map(number) ?? .root,
          isDirectory ? .directory : .file(version))
        #expect(isHeld)
        let key = (parent.flatMap { model[$0]?.key } ?? "") + name + (isDirectory ? "/" : "")
        model[step] = (key, 1, parent)
      } else if let victim = model.filter({ $0.value.lookups > 0 }).keys.sorted().randomElement(using: &random) {
        table.forget(number(victim), count: 1)
        model[victim]?.lookups = 0
        var next: Int? = victim
        while let current = next, let node = model[current], node.lookups == 0,
          !model.values.contains(where: { $0.parent == current })
        {
          model[current] = nil
          next = node.parent
        }
      }
    }
    #expect(table.count == model.count + 1)
    let wrong = model.filter { table.key(of: number($0.key))?.description != $0.value.key }
    #expect(wrong.isEmpty)
  }
}
