package import Objects
import Platform

/// Bodies by their inode.
extension BlockCache {
  /// The body of a version, opened or made. An existing one keeps the dearer of its class and `storageClass`. nil: the
  /// cache cannot give it now (reading failed and is not tried for a while, or the body is on its way out): go through
  /// memory.
  package func body(of inode: InodeNumber, size: Int64, class storageClass: StorageClass) -> Body? {
    guard size >= 0, reading.isUsable else { return nil }
    let serial: UInt64
    switch table.withLock({ $0.find(inode) }) {
    case .body(let body):
      guard body.size == size else { return nil }
      raise(body, to: storageClass)
      return body
    case .leaving: return nil
    case .none(let number): serial = number
    }
    let row = index.body(of: inode)
    if let row, row.size != size {
      evict(inode)
      return nil
    }
    let made = Body(inode: inode, size: size, class: storageClass, row: row, cache: self, serial: serial)
    // Whoever else finds it waits with its file until it is known whether it shares another's.
    let mayShare = row == nil && mayShare(size: size)
    if mayShare { made.beginSharing() }
    let found = table.withLock { $0.insert(made) }
    if mayShare {
      let isMade = if case .body(let body) = found { body === made } else { false }
      made.endSharing(isShared: isMade && share(inode, size: size, storageClass))
    }
    guard case .body(let body) = found, body.size == size else { return nil }
    raise(body, to: storageClass)
    return body
  }

  /// An object is about to be read: what there is of it comes into the page cache while its reader is still on the way.
  /// Counts as no use. Nothing is made for an object that is not there.
  package func willRead(_ inode: InodeNumber, size: Int64) {
    guard reading.isUsable else { return }
    var found = table.withLock { $0.find(inode) }
    if case .none(let serial) = found {
      guard let row = index.body(of: inode), row.size == size, !row.isTrimmed else { return }
      let made = Body(inode: inode, size: size, class: row.storageClass, row: row, cache: self, serial: serial)
      found = table.withLock { $0.insert(made) }
    }
    if case .body(let body) = found, body.size == size { body.willBeRead() }
  }

  private func raise(_ body: Body, to storageClass: StorageClass) {
    let isRaised = body.state.withLock { state in
      guard state.storageClass < storageClass else { return false }
      state.storageClass = storageClass
      return true
    }
    if isRaised { index.setClass(storageClass, of: body.inode, onlyRaising: true) }
  }

  /// Bytes of whole blocks of this version that are near.
  package func cachedBytes(of inode: InodeNumber) -> Int64 {
    guard let row = index.body(of: inode) else { return 0 }
    var total: Int64 = 0
    var after: Int64 = -1
    while case let rows = index.segments(of: inode, after: after, limit: 64), let last = rows.last {
      for (number, segment) in rows { total += BodySegment.bytes(segment.present, in: number, size: row.size) }
      after = last.0
    }
    return total
  }

  package func setClass(_ storageClass: StorageClass, of inode: InodeNumber) {
    let body = table.withLock { $0.body(inode) }
    body?.state.withLock { $0.storageClass = storageClass }
    index.setClass(storageClass, of: inode, onlyRaising: false)
  }
}
