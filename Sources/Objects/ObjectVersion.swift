/// What tells one version of an object from another: tag and size; where the remote gives no tag, time and size.
package struct ObjectVersion: Sendable {
  /// nil where the remote sends none.
  package var tag: EntityTag?
  /// Length of the whole object in bytes.
  package var size: Int64
  /// Last-Modified, milliseconds since 1970; 0 where unknown.
  package var modified: Int64

  package init(tag: EntityTag?, size: Int64, modified: Int64) {
    self.tag = tag
    self.size = size
    self.modified = modified
  }
}

extension ObjectVersion: Hashable {
  /// With tags, the tags and sizes decide; the time is then only what `stat` shows.
  package static func == (a: Self, b: Self) -> Bool {
    guard a.size == b.size else { return false }
    if let left = a.tag, let right = b.tag { return left == right }
    return a.tag == b.tag && a.modified == b.modified
  }

  package func hash(into hasher: inout Hasher) {
    hasher.combine(size)
    hasher.combine(tag)
  }
}
