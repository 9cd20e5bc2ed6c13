import Cache
package import Objects

/// A directory by its number and by its key in the bucket, which ends with a slash or is the root's.
package struct DirectoryReference: Hashable, Sendable {
  package var inode: InodeNumber
  package var key: ObjectKey

  package init(inode: InodeNumber, key: ObjectKey) {
    self.inode = inode
    self.key = key
  }

  /// This directory, or the one above it that has the key; nil where there is none, or the index has lost the way.
  func ancestor(_ key: ObjectKey, in index: CacheIndex) -> DirectoryReference? {
    var place = self
    while place.key.bytes.count > key.bytes.count, let above = place.parent(in: index) { place = above }
    return place.key == key ? place : nil
  }

  func parent(in index: CacheIndex) -> DirectoryReference? {
    guard inode != .root, let above = index.location(of: inode)?.directory else { return nil }
    return DirectoryReference(inode: above, key: key.directory)
  }

  package static let root = DirectoryReference(inode: .root, key: .root)
}
