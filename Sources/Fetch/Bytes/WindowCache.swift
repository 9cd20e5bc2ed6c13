package import Objects

/// Windows of bytes in memory, just fetched, of objects that the cache cannot hold: bounded by bytes, the oldest goes
/// first. Few and short-lived, hence a list. Generic so that tests need no memory.
package struct WindowCache<Content> {
  fileprivate struct Window {
    var inode: InodeNumber
    var range: ByteRange
    var bytes: Int64
    var content: Content
  }

  /// Bytes.
  package let capacity: Int64
  package private(set) var bytes: Int64 = 0
  private var windows: [Window] = []

  package init(capacity: Int64) { self.capacity = capacity }

  package var count: Int { windows.count }

  /// Keeps `content`, which holds `range` and takes so many bytes. What was dropped for it.
  package mutating func insert(_ content: Content, of inode: InodeNumber, range: ByteRange, bytes: Int64) -> [Content] {
    guard bytes <= capacity, !range.isEmpty else { return [content] }
    var dropped: [Content] = []
    while self.bytes + bytes > capacity {
      let oldest = windows.removeFirst()
      self.bytes -= oldest.bytes
      dropped.append(oldest.content)
    }
    windows.append(Window(inode: inode, range: range, bytes: bytes, content: content))
    self.bytes += bytes
    return dropped
  }

  /// Those that hold bytes of `range`; they are the newest now.
  package mutating func use(_ inode: InodeNumber, _ range: ByteRange) -> [(range: ByteRange, content: Content)] {
    guard windows.contains(where: { $0.inode == inode && $0.range.overlaps(range) }) else { return [] }
    let hits = windows.filter { $0.inode == inode && $0.range.overlaps(range) }
    windows.removeAll { $0.inode == inode && $0.range.overlaps(range) }
    windows += hits
    return hits.map { ($0.range, $0.content) }
  }

  /// Empties it; what was in.
  package mutating func removeAll() -> [Content] {
    defer { self = Self(capacity: capacity) }
    return windows.map(\.content)
  }
}

extension WindowCache: Sendable where Content: Sendable {}
extension WindowCache.Window: Sendable where Content: Sendable {}
