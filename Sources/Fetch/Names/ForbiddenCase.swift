package import Objects

/// A name that was answered 403, and what must be readable for that to mean "absent".
package struct ForbiddenCase: Equatable, Sendable {
  package var key: ObjectKey
  /// The directory of the array or of the document. A name that nobody has is asked for in it.
  package var directory: ObjectKey
  /// Of these documents of the directory, one must be readable now.
  package var documents: [ObjectKey]
  /// For a chunk: those likely to exist. Empty for a document.
  package var chunks: [ObjectKey]
  package var isChunk: Bool

  package init(chunk key: ObjectKey, of array: ObjectKey, document: EntryName, likely chunks: [ObjectKey]) {
    self.key = key
    directory = array
    documents = [array.appending(document)]
    self.chunks = chunks
    isChunk = true
  }

  /// nil for a key that is no metadata document's.
  package init?(document key: ObjectKey) {
    guard StorageClass.isDocument(key) else { return nil }
    self.key = key
    directory = key.directory
    documents = ResolvePlan.documents.map { key.directory.appending($0) }.filter { $0 != key }
    chunks = []
    isChunk = false
  }
}

/// `--missing-403`: what a 403 says of a name.
package enum MissingForbidden: String, Sendable {
  /// Found out, for the chunks of a grid and the documents beside a readable one; else access is denied.
  case auto
  /// Absent, whatever the name.
  case yes
  /// Access is denied.
  case no
}
