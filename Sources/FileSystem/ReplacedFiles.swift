package import Objects

/// Files whose reading found that the remote has another version by now, while the kernel still holds their names for good.
/// Pure.
///
/// Until the name is looked up again, such a file's attributes are ESTALE: whoever opens it by its path makes the kernel look
/// the name up (`path_openat` of Linux, with LOOKUP_REVAL). Afterwards it is an old file like others, for those who have it open.
package struct ReplacedFiles: Sendable {
  private struct Place: Hashable {
    let directory: InodeNumber
    let name: EntryName
  }

  private var places: [InodeNumber: Place] = [:]
  private var inodes: [Place: InodeNumber] = [:]

  package init() {}

  package mutating func note(_ inode: InodeNumber, named name: EntryName, in directory: InodeNumber) {
    forget(inode)
    lookedUp(name, in: directory)
    let place = Place(directory: directory, name: name)
    places[inode] = place
    inodes[place] = inode
  }

  package func contains(_ inode: InodeNumber) -> Bool { places[inode] != nil }

  /// The kernel asks for the name.
  package mutating func lookedUp(_ name: EntryName, in directory: InodeNumber) {
    guard !inodes.isEmpty else { return }
    if let inode = inodes.removeValue(forKey: Place(directory: directory, name: name)) { places[inode] = nil }
  }

  /// The kernel holds the inode no more.
  package mutating func forget(_ inode: InodeNumber) {
    if let place = places.removeValue(forKey: inode) { inodes[place] = nil }
  }
}
