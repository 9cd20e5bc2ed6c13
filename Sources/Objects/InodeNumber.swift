/// An inode number as the kernel sees it. One number is one version of one object, or one directory, for ever.
package struct InodeNumber: Hashable, Sendable, Comparable {
  package let rawValue: UInt64

  package init(_ rawValue: UInt64) { self.rawValue = rawValue }

  /// FUSE_ROOT_ID.
  package static let root = InodeNumber(1)
  /// Below it: the root, the control directory and what is in it. Objects are numbered from here.
  package static let firstObject = InodeNumber(1 << 16)

  package static func < (a: Self, b: Self) -> Bool { a.rawValue < b.rawValue }
}
