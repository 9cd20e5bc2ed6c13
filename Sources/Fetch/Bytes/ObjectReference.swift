package import Objects

/// One version of one object: what a READ is of.
package struct ObjectReference: Sendable {
  package var inode: InodeNumber
  package var key: ObjectKey
  package var version: ObjectVersion
  package var `class`: StorageClass
  /// Only parts of it are wanted, however small it is: a shard.
  package var isReadInParts = false

  package init(inode: InodeNumber, key: ObjectKey, version: ObjectVersion, class: StorageClass = .chunk) {
    self.inode = inode
    self.key = key
    self.version = version
    self.class = `class`
  }
}
