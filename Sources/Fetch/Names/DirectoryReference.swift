package import Objects

/// A directory by its number and by its key in the bucket, which ends with a slash or is the root's.
package struct DirectoryReference: Hashable, Sendable {
  package var inode: InodeNumber
  package var key: ObjectKey

  package init(inode: InodeNumber, key: ObjectKey) {
    self.inode = inode
    self.key = key
  }

  package static let root = DirectoryReference(inode: .root, key: .root)
}
