import Fetch
import Objects
import Testing
import Zarr

@Suite struct NamesDocumentTreeTests {
  private static let array =
    #"{"zarr_format":2,"shape":[4],"chunks":[2],"dtype":"<i4","compressor":null,"fill_value":0,"order":"C","filters":null}"#

  static func tree(_ names: [String]) throws -> DocumentTree {
    let members = names.map { name in "\"\(name)\": \(name.hasSuffix(".zarray") ? array : #"{"zarr_format":2}"#)" }
    let text = #"{"zarr_consolidated_format": 1, "metadata": {\#(members.joined(separator: ","))}}"#
    return DocumentTree(try ConsolidatedMetadata.parse(Array(text.utf8)))
  }

  private static func text(_ tree: DocumentTree, _ path: String) -> String? {
    tree.contents(of: Array(path.utf8)).map { found in
      (found.documents.map { "\($0)" }
        + found.children.map { child in "\(child.name)/[\(child.documents.map { "\($0)" }.joined(separator: " "))]" })
        .joined(separator: " ")
    }
  }

  @Test func directoriesAndTheirProofs() throws {
    let tree = try Self.tree([
      ".zgroup", ".zattrs", "air/.zarray", "air/.zattrs", "air-2/.zarray", "a/.zgroup", "a/b/.zarray",
      "deep/er/x/.zarray",
      "deep/er/y/.zarray", "only/.zattrs",
    ])
    #expect(
      Self.text(tree, "")
        == ".zattrs .zgroup a/[.zgroup] air-2/[.zarray] air/[.zarray] deep/[er/x/.zarray er/y/.zarray] only/[.zattrs]")
    #expect(Self.text(tree, "air/") == ".zarray .zattrs")
    #expect(Self.text(tree, "a/") == ".zgroup b/[.zarray]")
    #expect(Self.text(tree, "deep/") == "er/[x/.zarray y/.zarray]")
    #expect(Self.text(tree, "deep/er/x/") == ".zarray")
    #expect(Self.text(tree, "ai/") == nil)
    #expect(Self.text(tree, "zz/") == nil)
    #expect(DocumentTree().contents(of: []) == nil)
  }

  @Test func nothingBelowAnArrayIsANode() throws {
    let tree = try Self.tree(["a/.zarray", "a/0/.zarray", "a/0/x/.zgroup", "a-b/.zarray", "a0/.zgroup", "b/.zgroup"])
    #expect(Self.text(tree, "") == "a-b/[.zarray] a/[.zarray] a0/[.zgroup] b/[.zgroup]")
    #expect(Self.text(tree, "a/") == ".zarray")
    #expect(Self.text(tree, "a/0/") == nil)
    #expect(try Self.text(Self.tree([".zarray", "0/.zarray"]), "") == ".zarray")
  }

  @Test func treesAreBounded() throws {
    let one = try Self.tree([".zgroup", "a/.zarray"])
    var trees = DocumentTrees(limit: one.size * 3)
    for number in 1...3 { trees.insert(one, for: InodeNumber(UInt64(number))) }
    let first = trees[InodeNumber(1)]
    #expect(first != nil)
    trees.insert(one, for: InodeNumber(4))
    let (gone, new) = (trees[InodeNumber(1)], trees[InodeNumber(4)])
    #expect(gone == nil && new != nil)
    var small = DocumentTrees(limit: one.size - 1)
    small.insert(one, for: InodeNumber(1))
    let none = small[InodeNumber(1)]
    #expect(none == nil)
  }
}
