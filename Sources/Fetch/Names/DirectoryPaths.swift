import Cache
import Objects
import Platform

/// Directories by their keys, from one that is known: what the hierarchy speaks of has keys, and the index has numbers.
struct DirectoryPaths: Sendable {
  let index: CacheIndex
  let oracle: any NameOracle
  let time: any TimeSource

  /// A directory below `base`; those on the way exist by construction, and are recorded so. nil where a file has the
  /// name of one, or a chunk may have it: a document that speaks of a node there shall not hide the chunk.
  func directory(
    _ key: ObjectKey, above base: ObjectKey, _ origin: DirectoryReference, _ known: inout [ObjectKey: InodeNumber]
  ) -> DirectoryReference? {
    guard var place = climb(to: base, from: origin, &known) else { return nil }
    for component in key.bytes[base.bytes.count...].split(separator: UInt8(ascii: "/")) {
      let name = EntryName(bytes: Array(component))
      let inner = place.key.appending(name, asDirectory: true)
      if let inode = known[inner] {
        place = DirectoryReference(inode: inode, key: inner)
        continue
      }
      let entry: Entry
      switch index.entry(name, in: place.inode) {
      case let found? where found.kind == .directory: entry = found
      case let found? where found.version != nil: return nil
      default:
        guard oracle.document(of: place.key.appending(name)) == nil else { return nil }
        entry = index.record(.directory, for: name, in: place.inode, at: time.now())
      }
      known[inner] = entry.inode
      place = DirectoryReference(inode: entry.inode, key: inner)
    }
    return place
  }

  /// A directory at or above the origin.
  func climb(
    to key: ObjectKey, from origin: DirectoryReference, _ known: inout [ObjectKey: InodeNumber]
  ) -> DirectoryReference? {
    if let inode = known[key] { return DirectoryReference(inode: inode, key: key) }
    let place = origin.ancestor(key, in: index)
    known[key] = place?.inode
    return place
  }
}
