package import Objects

/// One version of one object: what a READ is of.
package struct ObjectReference: Sendable {
  package var inode: InodeNumber
  package var key: ObjectKey
  package var version: ObjectVersion
  package var `class`: StorageClass
  /// nil: it is wanted whole, unless it is large.
  package var parts: PartialReading?

  package init(
    inode: InodeNumber, key: ObjectKey, version: ObjectVersion, class: StorageClass = .chunk,
    parts: PartialReading? = nil
  ) {
    self.inode = inode
    self.key = key
    self.version = version
    self.class = `class`
    self.parts = parts
  }
}
