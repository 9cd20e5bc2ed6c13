package import Objects

/// What is cached of a path, counted and dropped: by what the index knows of its names, without asking anybody.
/// As long as the number of names below; call it from a thread that may take its time.
extension BlockCache {
  /// Of bytes that objects share, one of them has all.
  package struct Below: Equatable, Sendable {
    /// Objects, metadata documents left out, of which something is cached.
    package var chunks: Int64 = 0
    /// Bytes of the disk of these.
    package var allocated: Int64 = 0
  }

  package func cached(below directory: InodeNumber) -> Below {
    var below = Below()
    forEachBody(below: directory) { row in
      below.chunks += 1
      below.allocated += row.allocated
    }
    return below
  }

  /// Evicts everything but metadata documents; the bytes of the disk that it took.
  package func evict(below directory: InodeNumber) -> Int64 {
    var freed: Int64 = 0
    forEachBody(below: directory) { row in
      freed += evict(row.inode)
    }
    return freed
  }

  /// Evicts one body; the bytes of the disk that it took.
  package func evictCounting(_ inode: InodeNumber) -> Int64 {
    index.body(of: inode) == nil ? 0 : evict(inode)
  }

  private func forEachBody(below directory: InodeNumber, _ body: (BodyRow) -> Void) {
    var directories = [directory]
    while let next = directories.popLast() {
      var after: [UInt8] = []
      while case let page = index.below(next, after: after, limit: 512), let last = page.last {
        for row in page.bodies
        where (row.storageClass != .metadata || row.isTrimmed) && (row.allocated > 0 || !row.carries) {
          body(row)
        }
        directories += page.directories
        after = last
      }
    }
  }
}
