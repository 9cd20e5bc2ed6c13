package import Objects
package import Platform

/// What the kernel's side (`FUSE`) asks of the file system. It knows no FUSE; FUSE knows nothing but this.
///
/// Each call answers exactly once: on the caller's stack when everything is at hand (a hit), else later on another
/// thread. A call that will answer later returns a `PendingRequest`; one that has answered returns nil. Nothing here
/// ever waits for the network.
package protocol ServedFileSystem: AnyObject, Sendable {
  /// One more reference of the kernel to the answered inode, when found (a poisoned entry counts too).
  func lookup(
    _ name: EntryName, in parent: InodeNumber, _ answer: @escaping @Sendable (LookupAnswer) -> Void
  ) -> (any PendingRequest)?

  /// The kernel dropped `count` references.
  func forget(_ inode: InodeNumber, count: UInt64)

  func attributes(
    of inode: InodeNumber, _ answer: @escaping @Sendable (Result<AttributesAnswer, Errno>) -> Void
  ) -> (any PendingRequest)?

  /// `tell` is called, on any thread, with a file that a READ found replaced: the kernel is to ask for its attributes, which
  /// are ESTALE then, and so for its name when that is next opened. Called once, before the first request.
  func onReplaced(_ tell: @escaping @Sendable (InodeNumber) -> Void)

  /// Bytes `range` of a file, clipped to its size: short at the end of the file only.
  /// `scratch` is the caller's, at least `range.count` bytes, for use during the call only.
  func read(
    _ inode: InodeNumber, _ range: ByteRange, scratch: UnsafeMutableRawBufferPointer,
    _ answer: @escaping @Sendable (ReadAnswer) -> Void
  ) -> (any PendingRequest)?

  /// `open(2)`: EROFS for writing, EISDIR; nil when allowed. Asked only where the kernel still sends OPEN.
  func checkOpen(_ inode: InodeNumber, forWriting: Bool) -> Errno?

  func openDirectory(
    _ inode: InodeNumber, _ answer: @escaping @Sendable (Result<DirectoryHandle, Errno>) -> Void
  ) -> (any PendingRequest)?

  /// The next entries after `offset` (0 begins), at most `limit`; empty at the end. With streamed listings the answer
  /// waits for the next page. A listing that cannot be finished answers EIO.
  func readDirectory(
    _ handle: DirectoryHandle, after offset: Int64, limit: Int,
    _ answer: @escaping @Sendable (Result<[DirectoryEntry], Errno>) -> Void
  ) -> (any PendingRequest)?

  /// READDIRPLUS handed these to the kernel: one reference more for each. Called before the reply is sent.
  func countLookups(_ entries: ArraySlice<DirectoryEntry>)

  func releaseDirectory(_ handle: DirectoryHandle)

  /// For statfs(2), from the cache's own numbers: never waits.
  func statistics() -> VolumeStatistics

  /// `user.zarrfs.*`; only asked with `--xattrs`. ENODATA for others.
  func extendedAttribute(_ name: [UInt8], of inode: InodeNumber) -> Result<[UInt8], Errno>
  func extendedAttributeNames(of inode: InodeNumber) -> Result<[[UInt8]], Errno>
}

/// A request that will be answered later.
package protocol PendingRequest: AnyObject, Sendable {
  /// The caller was hit by a signal (FUSE_INTERRUPT): answer soon. A read answers EINTR; a lookup a poisoned entry,
  /// because readers take any error at lookup for a missing chunk (`readers.md` 11.1).
  func interrupt()
}

package enum LookupAnswer: Sendable {
  case found(Attributes, entryValid: Interval, attributesValid: Interval)
  /// ENOENT, to be remembered by the kernel for `valid` (zero: not at all).
  case absent(valid: Interval)
  case failed(Errno)
}

package struct AttributesAnswer: Sendable {
  package var attributes: Attributes
  package var valid: Interval

  package init(attributes: Attributes, valid: Interval) {
    self.attributes = attributes
    self.valid = valid
  }
}

package enum ReadAnswer {
  /// Valid during the call of the answer only.
  case bytes(UnsafeRawBufferPointer)
  case failed(Errno)
}

/// The fields of `struct stat` that differ from file to file.
package struct Attributes: Equatable, Sendable {
  package var inode: InodeNumber
  package var isDirectory: Bool
  package var size: Int64
  /// Milliseconds since 1970.
  package var modified: Int64
  /// Permission bits, without the file type.
  package var permissions: UInt16
  package var owner: UInt32
  package var group: UInt32

  package init(
    inode: InodeNumber, isDirectory: Bool, size: Int64, modified: Int64, permissions: UInt16, owner: UInt32,
    group: UInt32
  ) {
    self.inode = inode
    self.isDirectory = isDirectory
    self.size = size
    self.modified = modified
    self.permissions = permissions
    self.owner = owner
    self.group = group
  }
}

package struct DirectoryHandle: Hashable, Sendable {
  package var rawValue: UInt64
  /// The kernel may keep what it read of this directory (FOPEN_CACHE_DIR | FOPEN_KEEP_CACHE): the listing is the one
  /// that it read last time.
  package var mayKeepCache: Bool

  package init(rawValue: UInt64, mayKeepCache: Bool) {
    self.rawValue = rawValue
    self.mayKeepCache = mayKeepCache
  }
}

package struct DirectoryEntry: Sendable {
  package var name: EntryName
  package var attributes: Attributes
  /// Where the next `readDirectory` goes on.
  package var offset: Int64
  package var entryValid: Interval
  package var attributesValid: Interval
  /// `.` and `..` are shown but never looked up.
  package var isDot: Bool

  package init(
    name: EntryName, attributes: Attributes, offset: Int64, entryValid: Interval, attributesValid: Interval,
    isDot: Bool = false
  ) {
    self.name = name
    self.attributes = attributes
    self.offset = offset
    self.entryValid = entryValid
    self.attributesValid = attributesValid
    self.isDot = isDot
  }
}

/// Sizes in bytes.
package struct VolumeStatistics: Equatable, Sendable {
  package var capacity: Int64
  package var free: Int64
  package var files: Int64

  package init(capacity: Int64, free: Int64, files: Int64) {
    self.capacity = capacity
    self.free = free
    self.files = files
  }
}
