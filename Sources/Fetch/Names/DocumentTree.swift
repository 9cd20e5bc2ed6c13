package import Objects
package import Zarr

/// The documents that consolidated metadata names, as a tree of directories: what may be shown of a remote that does not
/// list. A hint for what to ask for, never an answer. Pure.
///
/// Keys in one buffer, sorted, without a table for each directory: 100,000 nodes take some 5 MB.
package struct DocumentTree: Sendable {
  package struct Child: Equatable, Sendable {
    package var name: EntryName
    /// Any of them proves that the child is there; relative to the child.
    package var documents: [ObjectKey]
  }

  package struct Contents: Equatable, Sendable {
    package var documents: [EntryName]
    package var children: [Child]
  }

  /// Documents asked for to prove a directory that has none itself.
  private static let proofs = 4

  private var bytes: [UInt8] = []
  private var ends: [UInt32] = []

  /// Relative to the group, sorted by bytes. Nothing below an array is a node: it is left out, for it would hide chunks.
  package init(_ consolidated: ConsolidatedMetadata) {
    // Each array's key lies before all that is below it.
    let arrays = consolidated.nodes.filter { $0.metadata.array != nil }.map(\.path.bytes)
    var number = 0
    for document in consolidated.documents.map(\.bytes) {
      while number < arrays.count, arrays[number].lexicographicallyPrecedes(document),
        !document.starts(with: arrays[number])
      {
        number += 1
      }
      if number < arrays.count, document.starts(with: arrays[number]),
        document[arrays[number].count...].contains(UInt8(ascii: "/"))
      {
        continue
      }
      guard bytes.count + document.count <= Int(UInt32.max) else { break }
      bytes += document
      ends.append(UInt32(bytes.count))
    }
  }

  /// Of a document that names no others.
  package init() {}

  package var isEmpty: Bool { ends.isEmpty }
  /// What it takes.
  package var size: Int { bytes.count + ends.count * 4 }

  /// What is named in a directory: a path that ends with a slash, or is empty for the group's own. nil where nothing is.
  package func contents(of path: [UInt8]) -> Contents? {
    var index = first { !$0.lexicographicallyPrecedes(path) }
    var found = Contents(documents: [], children: [])
    while index < ends.count {
      let key = self[index]
      guard key.starts(with: path) else { break }
      let rest = key.dropFirst(path.count)
      guard let slash = rest.firstIndex(of: UInt8(ascii: "/")) else {
        found.documents.append(EntryName(bytes: Array(rest)))
        index += 1
        continue
      }
      let inner = Array(key[...slash])
      let end = first(from: index) { !$0.lexicographicallyPrecedes(inner) && !$0.starts(with: inner) }
      let child = EntryName(bytes: Array(rest[..<slash]))
      found.children.append(Child(name: child, documents: proofs(of: inner, index..<end)))
      index = end
    }
    return found.documents.isEmpty && found.children.isEmpty ? nil : found
  }

  /// The document that makes the directory a node, or else the first ones below.
  private func proofs(of directory: [UInt8], _ range: Range<Int>) -> [ObjectKey] {
    var own: [ObjectKey] = []
    for document in [MetadataDocument.nodeV3, .arrayV2, .groupV2] {
      let key = directory + document.name.bytes
      let index = first(from: range.lowerBound) { !$0.lexicographicallyPrecedes(key) }
      if index < range.upperBound, self[index].elementsEqual(key) { own.append(ObjectKey(bytes: document.name.bytes)) }
    }
    if !own.isEmpty { return own }
    return range.prefix(Self.proofs).map { ObjectKey(bytes: Array(self[$0].dropFirst(directory.count))) }
  }

  private subscript(index: Int) -> ArraySlice<UInt8> {
    bytes[(index == 0 ? 0 : Int(ends[index - 1]))..<Int(ends[index])]
  }

  /// The first key from which on `test` is true.
  private func first(from start: Int = 0, _ test: (ArraySlice<UInt8>) -> Bool) -> Int {
    var lower = start
    var upper = ends.count
    while lower < upper {
      let middle = (lower + upper) / 2
      if test(self[middle]) { upper = middle } else { lower = middle + 1 }
    }
    return lower
  }
}
