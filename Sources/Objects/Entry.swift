/// What is known of one name in one directory: the answer to a lookup, as the index keeps it.
package struct Entry: Equatable, Sendable {
  package enum Kind: Equatable, Sendable {
    case file(ObjectVersion)
    case directory
    /// The remote said that there is nothing of this name.
    case absent
  }

  /// For `absent`, the number has no meaning.
  package var inode: InodeNumber
  package var kind: Kind
  /// When the remote last said so, milliseconds since 1970.
  package var validated: Int64

  package init(inode: InodeNumber, kind: Kind, validated: Int64) {
    self.inode = inode
    self.kind = kind
    self.validated = validated
  }

  package var version: ObjectVersion? {
    if case .file(let version) = kind { return version }
    return nil
  }
}
