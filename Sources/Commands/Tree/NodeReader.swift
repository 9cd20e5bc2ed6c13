import Objects
import Zarr

/// Where a hierarchy is read from: a remote, or directories. Every call waits; keys are relative to the start, and a
/// directory's ends with a slash.
protocol NodeReader: Sendable {
  func document(_ document: MetadataDocument, of directory: ObjectKey) -> DocumentAnswer
  /// The directories in a directory, sorted.
  func directories(in directory: ObjectKey) -> DirectoriesAnswer
  /// nil where nothing can be cached.
  func cached(below directory: ObjectKey) -> TreeNode.Cached?
}

enum DocumentAnswer: Sendable {
  case found([UInt8])
  case absent
  /// For people.
  case failed(String)
}

enum DirectoriesAnswer: Sendable {
  case found([EntryName])
  /// The remote cannot list.
  case unlisted
  case failed(String)
}

extension NodeReader {
  func cached(below directory: ObjectKey) -> TreeNode.Cached? { nil }
}
