package import Objects

/// Trees of documents that were read, each by its document's inode: one number is one version for ever. Pure; bounded by
/// the bytes that the trees take.
package struct DocumentTrees: Sendable {
  /// The names of some 300,000 documents, all trees together.
  package static let limit = 16 << 20
  private static let count = 4096

  private let limit: Int
  private var trees = LeastRecentlyUsed<InodeNumber, DocumentTree>(capacity: count)
  private var size = 0

  package init(limit: Int = limit) { self.limit = limit }

  package subscript(document: InodeNumber) -> DocumentTree? { mutating get { trees.use(document) } }

  /// One that is too large alone is not kept: it is read again by whoever lists next.
  package mutating func insert(_ tree: DocumentTree, for document: InodeNumber) {
    guard tree.size <= limit else { return }
    if size + tree.size > limit {
      _ = trees.removeAll()
      size = 0
    }
    size += tree.size
    if let dropped = trees.insert(tree, for: document) { size -= dropped.size }
  }
}
