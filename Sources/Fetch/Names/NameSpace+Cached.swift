import Cache
package import Objects

/// What is cached of a path, and its end: for the control files.
extension NameSpace {
  /// Objects below a directory, metadata documents left out, of which something is cached, and their bytes of the disk.
  package func cached(below directory: InodeNumber) -> (chunks: Int64, allocated: Int64) {
    let below = cache.cached(below: directory)
    return (below.chunks, below.allocated)
  }

  /// Drops what is cached of a file, or of every file but metadata documents below a directory; the bytes of the disk.
  package func evict(_ inode: InodeNumber, isDirectory: Bool) -> Int64 {
    isDirectory ? cache.evict(below: inode) : cache.evictCounting(inode)
  }
}
