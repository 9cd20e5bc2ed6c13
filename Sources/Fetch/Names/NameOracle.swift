package import Objects
package import Platform
package import Zarr

/// What can be said of a name without asking: the seam between finding out names and what knows Zarr.
///
/// On the caller's stack: quick, never waits. What it advises to fetch ahead is done after the caller's own answer.
package protocol NameOracle: AnyObject, Sendable {
  /// Asked when neither the index nor a listing knows the name.
  func judge(_ name: EntryName, in directory: DirectoryReference) -> Advice

  /// A reader read an object that the index knew: it may be on a walk.
  func noteRead(_ key: ObjectKey) -> [Ahead]

  /// A metadata document was read whole. `validated`: when the remote last said that it is of this version.
  func noteDocument(_ key: ObjectKey, _ bytes: UnsafeRawBufferPointer, validated: WallTime) -> [Ahead]

  /// How readers take an object of which they want parts, however small it is: shards.
  func partialReading(of key: ObjectKey) -> PartialReading?

  /// A reader begins to read the inner chunk of this number in a shard.
  func noteRead(_ key: ObjectKey, inner: Int) -> [Ahead]

  /// What came of chunks fetched ahead: the object, or of a shard its inner chunks.
  func note(_ fate: PrefetchFate, of key: ObjectKey, inner: [Int])

  /// The document that says of this key that it is a chunk; nil where none that was read says so.
  func document(of key: ObjectKey) -> DocumentPlace?

  /// What came of an advice: the remote has no such object.
  func noteAbsent(_ key: ObjectKey)
  /// What came of an advice: nothing; it may be given again.
  func noteFailed(_ key: ObjectKey)
  /// All that is below an array, by a listing that began at `asked`; nil where that broke off, or was too long.
  func noteListed(_ array: ObjectKey, _ keys: [ObjectKey]?, at asked: WallTime)
  /// All names of a directory that begin with a dot, by a listing that began at `asked`.
  func noteDots(_ directory: ObjectKey, _ names: Set<EntryName>, at asked: WallTime)

  /// What must be readable for a 403 to mean that the chunk is absent; nil where the key is no chunk inside a grid.
  func forbiddenCase(ofChunk key: ObjectKey) -> ForbiddenCase?
  /// Whether the directory lies below an array: chunks may be in it, and no documents.
  func isInsideArray(_ directory: ObjectKey) -> Bool
  /// Whether documents speak of an array at the directory or below it.
  func isNamed(_ directory: ObjectKey) -> Bool
}

extension NameOracle {
  package func partialReading(of key: ObjectKey) -> PartialReading? { nil }
  package func noteRead(_ key: ObjectKey, inner: Int) -> [Ahead] { [] }
  package func note(_ fate: PrefetchFate, of key: ObjectKey, inner: [Int]) {}
  package func noteDots(_ directory: ObjectKey, _ names: Set<EntryName>, at asked: WallTime) {}
  package func forbiddenCase(ofChunk key: ObjectKey) -> ForbiddenCase? { nil }
  package func isInsideArray(_ directory: ObjectKey) -> Bool { false }
  package func isNamed(_ directory: ObjectKey) -> Bool { false }
}

/// A node's own document: the directory's key, and the name in it.
package struct DocumentPlace: Equatable, Sendable {
  package var node: ObjectKey
  package var name: EntryName

  package init(node: ObjectKey, name: EntryName) {
    self.node = node
    self.name = name
  }
}

package enum NameJudgement: Equatable, Sendable {
  /// Nothing is known: HEAD and LIST.
  case ask
  /// A chunk inside the grid or a document, likely to be read: the GET itself.
  case askByGet(StorageClass)
  /// A shard: its index, whose GET tells the rest.
  case askByIndex(ShardLayout)
  /// A shard of which the index is of no use: it is a file if it exists, and only parts of it will be read.
  case askByHead
  /// Outside the grid, or not in the array's listing; known since then.
  case absent(since: WallTime)
  /// Exists by construction.
  case directory
}

/// Knows nothing.
package final class SilentOracle: NameOracle {
  package init() {}
  package func judge(_ name: EntryName, in directory: DirectoryReference) -> Advice { Advice(.ask) }
  package func noteRead(_ key: ObjectKey) -> [Ahead] { [] }
  package func noteDocument(_ key: ObjectKey, _ bytes: UnsafeRawBufferPointer, validated: WallTime) -> [Ahead] { [] }
  package func document(of key: ObjectKey) -> DocumentPlace? { nil }
  package func noteAbsent(_ key: ObjectKey) {}
  package func noteFailed(_ key: ObjectKey) {}
  package func noteListed(_ array: ObjectKey, _ keys: [ObjectKey]?, at asked: WallTime) {}
}
