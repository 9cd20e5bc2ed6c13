import Glibc
package import Objects
import Platform
import Synchronization

/// Eviction of all but a part: of a shard its index, so that it costs no round trip once more (docs/decisions/007).
///
/// In three steps, of bodies that are marked as leaving, so that nobody holds presence bits of before:
///  1. the rows: nothing but what is kept is present any more; committed, because what comes next is holes;
///  2. the file: holes in the place of the rest;
///  3. the rows: what the file takes now, and the class of metadata.
/// Stopped between two of them, a body is one of its class that takes what its row says, or less, until the sweep
/// has looked; the next eviction goes on with it. So the class of metadata never hides bytes of chunks.
extension BlockCache {
  /// Trims or removes bodies that are marked as leaving; the bytes freed, and what went whole.
  func take(_ victims: [EvictionPolicy.Victim]) -> (bytes: Int64, removed: [InodeNumber]) {
    let (freed, failed) = trim(victims.filter(\.isTrimmed).map(\.row))
    let whole = victims.filter { !$0.isTrimmed }.map(\.row) + failed
    let inodes = whole.map(\.inode)
    let bytes = remove(inodes)
    // By what the files took: their rows may be out of reach when the disk is full. What is shared may stay.
    return (freed + max(bytes, whole.reduce(0) { $0 + ($1.group == 0 ? $1.allocated : 0) }), inodes)
  }

  /// The bytes freed, and the bodies of which nothing could be freed so: they have to go whole.
  private func trim(_ rows: [BodyRow]) -> (freed: Int64, failed: [BodyRow]) {
    guard !rows.isEmpty else { return (0, []) }
    let begun = index.beginTrim(rows.map(\.inode))
    var freed: Int64 = 0
    var allocated: [InodeNumber: Int64] = [:]
    var failed: [BodyRow] = []
    for row in rows {
      if let kept = begun[row.inode], let (before, after) = try? punch(row, keeping: kept), after < before {
        freed += before - after
        allocated[row.inode] = after
      } else {
        failed.append(row)
      }
    }
    guard !allocated.isEmpty else { return (0, failed) }
    let inodes = Array(allocated.keys)
    settle(index.endTrim(allocated))
    table.withLock { $0.left(inodes) }
    freeSpace.withLock { $0.known = nil }
    noteEvicted(inodes, bytes: freed)
    return (freed, failed)
  }

  /// Holes in the place of all but `kept`; what the file took before and takes after.
  func punch(_ row: BodyRow, keeping kept: ByteRange) throws(Errno) -> (before: Int64, after: Int64) {
    let file = try folder.openBody(row.inode)
    let status = try file.descriptor.status()
    // Another name of it may be somebody's.
    guard status.st_nlink == 1, Int64(status.st_size) == row.size else { throw Errno.stale }
    try file.descriptor.punchHole(0..<kept.lowerBound)
    // Whole pages: of one that is cut off, bytes would be zeroed and nothing freed.
    if kept.upperBound < row.size {
      try file.descriptor.punchHole((kept.upperBound..<row.size).aligned(to: BlockGeometry.blockSize, limit: .max))
    }
    return (status.allocatedBytes, try file.descriptor.status().allocatedBytes)
  }
}

extension Body {
  /// These bytes are worth more than the rest: the whole blocks around them stay when the body is evicted to make room,
  /// as far as that is allowed. Any number of times; the last one counts.
  package func keep(_ range: ByteRange) {
    let kept = BlockGeometry.covering(range.clamped(to: 0..<size), size: size)
    guard !kept.isEmpty else { return }
    let isNews = state.withLock { state in
      guard !state.isDoomed, state.kept != kept else { return false }
      state.kept = kept
      return true
    }
    if isNews { cache.index.keep(kept, of: inode) }
  }
}
