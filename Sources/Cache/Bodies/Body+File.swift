import CZlib
import Glibc
import Objects
import Platform

/// The body's file: opened when needed, checked after an unclean stop, given up when it is not what it was.
extension Body {
  /// The open file and the epoch it belongs to. Where `creating`, it is made, with the object's length; else a missing
  /// file, or one of another length, means that nothing is present. nil: missing, or the open failed.
  func open(creating: Bool) -> (OpenFile, epoch: Int)? {
    // One opener at a time: creating is more than one call, and must not cut what another one has begun to write.
    let known = state.wait { state -> (OpenFile, epoch: Int)?? in
      if let file = state.file, file.isWritable || !creating { return .some((file, state.epoch)) }
      if state.isOpening { return nil }
      state.isOpening = true
      return .some(nil)
    }
    if let known { return known }
    let file = openFile(creating: creating)
    let epoch = state.withLockNotifying { state in
      state.isOpening = false
      if let file { state.file = file }
      return state.epoch
    }
    guard let file else { return nil }
    cache.noteOpened(self)
    return (file, epoch)
  }

  private func openFile(creating: Bool) -> OpenFile? {
    let folder = cache.folder
    do throws(Errno) {
      if let file = try existing(in: folder) {
        guard file.isWritable || !creating else { throw Errno.readOnly }
        return file
      }
      lose()
      return creating ? OpenFile(try folder.makeBody(inode, size: size)) : nil
    } catch {
      cache.failed("open", error, in: creating ? cache.writing : cache.reading)
      return nil
    }
  }

  /// nil: there is none, or not of the object's length.
  private func existing(in folder: CacheFolder) throws(Errno) -> OpenFile? {
    do throws(Errno) {
      let file = try folder.openBody(inode)
      return try Int64(file.descriptor.status().st_size) == size ? file : nil
    } catch {
      if error == .noEntry { return nil }
      throw error
    }
  }

  /// The file to write into: its own. One that it shares is left to the others.
  func openForFilling() -> (OpenFile, epoch: Int)? {
    guard let opened = open(creating: true) else { return nil }
    guard let links = (try? opened.0.descriptor.status())?.st_nlink, links > 1 else { return opened }
    lose()
    cache.folder.removeBody(inode)
    return open(creating: true)
  }

  /// Nobody opens the file before `endSharing`.
  func beginSharing() { state.withLock { $0.isOpening = true } }

  func endSharing(isShared: Bool) {
    state.withLockNotifying { state in
      state.isOpening = false
      guard isShared else { return }
      // What was loaded before the rows came.
      state.segments = [:]
      state.epoch += 1
    }
  }

  /// Lets go of the descriptor, to be opened again when needed.
  func closeFile() {
    // The last reference may be this one: it closes outside the lock.
    let file = state.withLock { state in
      defer { state.file = nil }
      return state.file
    }
    _ = file
  }

  /// The file is gone, cut, or not ours: nothing is present.
  func lose() {
    let file = state.withLock { state in
      defer { state.file = nil }
      state.segments = [:]
      state.epoch += 1
      return state.file
    }
    _ = file
    cache.settle(cache.index.forgetBlocks(of: inode))
    // What was loaded between the two steps is void as well.
    state.withLock {
      $0.segments = [:]
      $0.epoch += 1
    }
  }

  /// Checks the suspect blocks of a segment against their checksums; bad ones are dropped and counted.
  func verify(_ number: Int64, _ segment: BodySegment, _ file: OpenFile, epoch: Int) {
    // A load that began before the row changes brings suspect blocks only, which are checked once more.
    let bad = Self.damaged(segment.suspect, in: number, segment.checksums, size: size, file)
    state.withLock { state in
      guard state.epoch == epoch, var current = state.segments[number] else { return }
      current.present &= ~(bad & current.suspect)
      current.suspect &= ~segment.suspect
      state.segments[number] = current
    }
    cache.index.settle(number, of: inode, bad: bad, isWhole: true)
    if bad != 0 { cache.noteDamage(bad.nonzeroBitCount, inode) }
  }

  /// Those of `bits` whose bytes are not what the checksums say, or cannot be read.
  static func damaged(
    _ bits: UInt64, in number: Int64, _ checksums: [UInt32], size: Int64, _ file: OpenFile
  ) -> UInt64 {
    var bad: UInt64 = 0
    withUnsafeTemporaryAllocation(byteCount: Int(BlockGeometry.blockSize), alignment: 16) { buffer in
      for index in 0..<Int(BlockGeometry.blocksPerSegment) where bits >> UInt64(index) & 1 == 1 {
        let range = BodySegment.range(ofBlock: index, in: number, size: size)
        let slice = UnsafeMutableRawBufferPointer(rebasing: buffer[..<max(0, range.count)])
        let count = (try? file.descriptor.read(into: slice, at: range.lowerBound)) ?? 0
        if count != range.count || Checksum.of(UnsafeRawBufferPointer(slice)) != checksums[index] {
          bad |= 1 << UInt64(index)
        }
      }
    }
    return bad
  }
}

/// CRC-32 as zlib and the wire (`x-amz-checksum-crc32`) have it.
package enum Checksum {
  static func of(_ bytes: UnsafeRawBufferPointer) -> UInt32 { adding(bytes, to: 0) }

  /// Goes on where `checksum` ended. The corresponding C function is `crc32_z`.
  package static func adding(_ bytes: UnsafeRawBufferPointer, to checksum: UInt32) -> UInt32 {
    guard let base = bytes.baseAddress else { return checksum }
    return UInt32(truncatingIfNeeded: crc32_z(UInt(checksum), base.assumingMemoryBound(to: UInt8.self), bytes.count))
  }
}
