import Objects
import Platform
import Synchronization

/// `--dedup`: an object that has the MD5 tag and the size of one that is near gets its file, by a hard link, and is not
/// fetched (docs/decisions/009). Each has its own rows, its own place in the eviction's order, and its own end; the disk has
/// the bytes once, and they count once.
extension BlockCache {
  /// Longer objects are fetched: hashing holds up a thread of the kernel's side or of the transfers, at 746 MB/s
  /// (`openssl speed -evp md5`) for 22 ms.
  static let longestShared: Int64 = 16 << 20
  /// Tags that looked like MD5 and were not, until none is believed any more in this mount.
  private static let disproofLimit = 4

  /// Gives a body that has no row the file of its twin. False: it has none, or sharing is off.
  func share(_ inode: InodeNumber, size: Int64, _ storageClass: StorageClass) -> Bool {
    for twin in index.twins(of: inode, size: size) {
      // Held, so that it is not evicted meanwhile.
      guard let body = body(of: twin.inode, size: size, class: .prefetched), body.contains(0..<size),
        twin.proof == .holds || prove(body, twin)
      else { continue }
      guard link(inode, storageClass, to: body) else { continue }
      deduplicated.wrappingAdd(1, ordering: .relaxed)
      deduplicatedBytes.wrappingAdd(size, ordering: .relaxed)
      return true
    }
    return false
  }

  func mayShare(size: Int64) -> Bool {
    configuration.sharesBodies && (1...Self.longestShared).contains(size)
      && disproofs.load(ordering: .relaxed) < Self.disproofLimit
  }

  /// The file first: a link without a row is swept after a crash, as any file.
  private func link(_ inode: InodeNumber, _ storageClass: StorageClass, to twin: Body) -> Bool {
    let folder = folder
    do throws(Errno) {
      try folder.linkBody(twin.inode, as: inode)
    } catch {
      // Full, gone, too many links, or a file system without them: it is fetched.
      return false
    }
    if index.share(inode, storageClass, fileOf: twin.inode, at: time.now()) { return true }
    folder.removeBody(inode)
    return false
  }

  /// Whether the whole body has the MD5 that its object's tag says: only then the tag is one.
  private func prove(_ body: Body, _ row: BodyRow) -> Bool {
    guard let digest = row.digest, let found = body.digest() else { return false }
    index.setProof(found == digest ? .holds : .fails, of: row.inode)
    if found == digest {
      disproofs.store(0, ordering: .relaxed)
      return true
    }
    if disproofs.wrappingAdd(1, ordering: .relaxed).newValue == Self.disproofLimit {
      log.info("The remote's tags are not the MD5 of what it sends: nothing is shared.")
    }
    return false
  }
}

extension Body {
  /// MD5 of the file; nil where it cannot be read.
  fileprivate func digest() -> [UInt8]? {
    guard let file = open(creating: false)?.0, var hash = MD5() else { return nil }
    let piece = 256 << 10
    let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: piece, alignment: 16)
    defer { buffer.deallocate() }
    var offset: Int64 = 0
    while offset < size {
      let part = UnsafeMutableRawBufferPointer(rebasing: buffer[..<Int(min(Int64(piece), size - offset))])
      guard (try? file.descriptor.read(into: part, at: offset)) == part.count else { return nil }
      hash.add(UnsafeRawBufferPointer(part))
      offset += Int64(part.count)
    }
    return hash.digest()
  }
}
