import CLinux
import Glibc
import Objects
import Platform

/// The directory of one source's cache: checked, locked, and the names in it.
///
///     <cache>/<hash of the source>/lock              flock(2), the holder's pid inside
///                                 /numbers           the next inode number
///                                 /index.sqlite…     names and rows
///                                 /bodies/xx/<hex>   a body: exactly the object's bytes, sparse while partial
final class CacheFolder: Sendable {
  let path: String
  private let source: FileDescriptor
  private let bodies: FileDescriptor
  private let lock: FileDescriptor
  /// Made just now: there are no bodies in it.
  let isNew: Bool

  /// Makes and checks the directories, and takes the lock. Errors name the fix.
  init(_ configuration: CacheConfiguration) throws(CacheError) {
    let directory = configuration.directory
    guard configuration.size >= CacheConfiguration.minimumSize else {
      throw .unusable(
        "a cache of \(configuration.size) bytes is too small: give --cache-size at least "
          + "\(CacheConfiguration.minimumSize >> 20)MiB")
    }
    try Self.makeParents(of: directory)
    let top = try Self.openTop(directory)
    let name = Self.name(of: configuration.source)
    do {
      try top.makeDirectory(name)
      source = try top.open(name, O_RDONLY | O_DIRECTORY)
      lock = try source.open("lock", O_RDWR | O_CREAT)
    } catch {
      throw .unusable(
        "the cache directory \(directory) cannot be written (\(error)): give another --cache-dir, or make it writable")
    }
    path = Self.resolved(directory) + "/" + name
    try Self.take(lock)
    try Self.checkHoles(source, directory)
    do {
      isNew = try source.makeDirectory("bodies")
      bodies = try source.open("bodies", O_RDONLY | O_DIRECTORY)
    } catch {
      throw .unusable("the cache directory \(directory) cannot be written (\(error)): give another --cache-dir")
    }
  }

  // MARK: Opening

  /// 32 hex digits. Not a secret and not proof against an enemy: the index holds the source itself.
  static func name(of source: String) -> String {
    var hashes: [UInt64] = [0xcbf2_9ce4_8422_2325, 0x9e37_79b9_7f4a_7c15]
    for byte in source.utf8 {
      for index in hashes.indices { hashes[index] = (hashes[index] ^ UInt64(byte)) &* 0x100_0000_01b3 }
    }
    return hashes.map { hash in
      let digits = String(hash, radix: 16)
      return String(repeating: "0", count: 16 - digits.count) + digits
    }.joined()
  }

  /// Lets another process take the cache, while readers may still hold open bodies. The corresponding C function is
  /// `flock`.
  func unlock() { flock(lock.rawValue, LOCK_UN) }

  // MARK: Bodies

  private static func hex(_ value: UInt64, width: Int) -> String {
    let digits = String(value, radix: 16)
    return String(repeating: "0", count: max(0, width - digits.count)) + digits
  }

  static func fan(_ inode: InodeNumber) -> String { hex(inode.rawValue & 0xff, width: 2) }

  static func bodyName(_ inode: InodeNumber) -> String { fan(inode) + "/" + hex(inode.rawValue, width: 16) }

  /// Opens a body's file for reading and writing; where the disk may not be written now, for reading.
  func openBody(_ inode: InodeNumber) throws(Errno) -> OpenFile {
    let name = Self.bodyName(inode)
    do throws(Errno) {
      return OpenFile(try bodies.open(name, O_RDWR))
    } catch {
      guard error == .readOnly || error == .accessDenied else { throw error }
      return OpenFile(try bodies.open(name, O_RDONLY), isWritable: false)
    }
  }

  /// Makes a body's file, all hole, in the place of whatever is there: who has the old one open keeps it as it is.
  func makeBody(_ inode: InodeNumber, size: Int64) throws(Errno) -> FileDescriptor {
    let name = Self.bodyName(inode)
    let flags = O_RDWR | O_CREAT | O_EXCL
    try? bodies.remove(name)
    let file: FileDescriptor
    do throws(Errno) {
      file = try bodies.open(name, flags)
    } catch {
      guard error == .noEntry else { throw error }
      try bodies.makeDirectory(Self.fan(inode))
      file = try bodies.open(name, flags)
    }
    try file.truncate(to: size)
    return file
  }

  /// Another name for a body's file, in the place of whatever is there. The corresponding C function is `linkat`.
  func linkBody(_ inode: InodeNumber, as other: InodeNumber) throws(Errno) {
    let name = Self.bodyName(other)
    try? bodies.remove(name)
    do throws(Errno) {
      try bodies.link(Self.bodyName(inode), as: name)
    } catch {
      // The folder of the new name, or the file itself, is not there.
      guard error == .noEntry, try bodies.makeDirectory(Self.fan(other)) else { throw error }
      try bodies.link(Self.bodyName(inode), as: name)
    }
  }

  func bodyStatus(_ inode: InodeNumber) throws(Errno) -> stat { try bodies.status(of: Self.bodyName(inode)) }

  /// Bytes of the disk that stay taken, because the file cannot be removed now.
  @discardableResult
  func removeBody(_ inode: InodeNumber) -> Int64 {
    do throws(Errno) {
      try bodies.remove(Self.bodyName(inode))
      return 0
    } catch {
      return error == .noEntry ? 0 : (try? bodyStatus(inode).allocatedBytes) ?? 0
    }
  }

  /// Everything in one of the 256 folders, in slices; what is no body's name is removed.
  func forEachBody(inFan fan: Int, limit: Int, _ body: ([InodeNumber]) -> Bool) {
    let name = Self.hex(UInt64(fan), width: 2)
    guard let folder = try? bodies.open(name, O_RDONLY | O_DIRECTORY) else { return }
    folder.forEachName(limit: limit) { names in
      var inodes: [InodeNumber] = []
      for name in names {
        let inode = UInt64(name, radix: 16).map { InodeNumber($0) }
        if let inode, Self.bodyName(inode).hasSuffix("/" + name), Self.fan(inode) == Self.hex(UInt64(fan), width: 2) {
          inodes.append(inode)
        } else {
          try? folder.remove(name)
        }
      }
      return body(inodes)
    }
  }

  /// Allocated bytes of the folders and small files: 260 calls of stat, whatever the number of bodies.
  func fixedBytes() -> Int64 {
    var total: Int64 = 0
    for name in [".", "lock", "numbers", "bodies"] {
      total += (try? source.status(of: name))?.allocatedBytes ?? 0
    }
    for fan in 0..<256 { total += (try? bodies.status(of: Self.hex(UInt64(fan), width: 2)))?.allocatedBytes ?? 0 }
    return total
  }

  /// Bytes that may still be written on this disk. The corresponding C function is `fstatvfs`.
  func freeBytes() -> Int64? {
    var status = statvfs()
    guard fstatvfs(source.rawValue, &status) == 0 else { return nil }
    return Int64(
      clamping: UInt64(status.f_bavail).multipliedReportingOverflow(by: UInt64(status.f_frsize)).partialValue)
  }

  /// Whether the path still leads here: false when someone deleted or moved the cache, or its index. A disk that cannot
  /// tell is one that may get well: true.
  func isInPlace(withIndex: Bool) -> Bool {
    do throws(Errno) {
      var there = stat()
      guard stat(path, &there) == 0 else { throw Errno.current }
      let here = try source.status()
      guard there.st_ino == here.st_ino, there.st_dev == here.st_dev, here.st_nlink > 0 else { return false }
      guard try bodies.status().st_ino == source.status(of: "bodies").st_ino else { return false }
      if withIndex { _ = try source.status(of: "index.sqlite") }
      return true
    } catch {
      return ![.noEntry, .notDirectory, .stale].contains(error)
    }
  }
}
