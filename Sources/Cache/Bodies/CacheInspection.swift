import CLinux
import CSQLite
import Glibc
import Objects
package import Platform

/// `zarrfs cache info|verify|clear`: caches looked at from outside.
package enum CacheInspection {
  /// One source's cache.
  package struct Info: Sendable, Equatable {
    /// nil where the index cannot be read.
    package var source: String?
    package var path: String
    /// The process that uses it.
    package var holder: Int32?
    /// Allocated bytes of everything in it.
    package var allocated: Int64
    package var bodies: Int64
    package var bodyBytes: Int64
    /// Names known, absent ones included.
    package var entries: Int64
    /// The last stop was clean.
    package var isClean: Bool
  }

  package struct Verification: Sendable, Equatable {
    package var bodies: Int64 = 0
    package var blocks: Int64 = 0
    package var bytes: Int64 = 0
    /// Blocks whose bytes were not what was written, or were missing; dropped.
    package var damaged: Int64 = 0

    package init() {}
  }

  /// The caches in a directory, or that of one source; also of those in use.
  package static func info(directory: String, source: String? = nil) -> [Info] {
    folders(directory, source).map { info(path: $0) }
  }

  /// Checks every block against its checksum and drops the bad ones, then makes rows and files agree. Only where no
  /// daemon uses the cache. `progress` is called after each body.
  package static func verify(
    directory: String, source: String, log: Log, progress: (Verification) -> Void = { _ in }
  ) throws(CacheError) -> Verification {
    // Nothing is filled, so the bound does not matter.
    let configuration = CacheConfiguration(directory: directory, source: source, size: 1 << 50)
    let cache = try BlockCache(configuration, time: SystemTimeSource(), log: log)
    defer { cache.close() }
    guard !cache.index.isAway else {
      throw .unusable("the index of the cache of \(source) cannot be opened: see that its disk is well")
    }
    cache.sweep()
    var result = Verification()
    var after = InodeNumber(0)
    while case let rows = cache.index.bodies(after: after, limit: 64), let last = rows.last {
      for row in rows {
        cache.verify(row, &result)
        progress(result)
      }
      after = last.inode
    }
    return result
  }

  /// Empties the caches in a directory, or that of one source; the bytes freed. Throws when one is in use.
  @discardableResult
  package static func clear(directory: String, source: String? = nil) throws(CacheError) -> Int64 {
    var freed: Int64 = 0
    for path in folders(directory, source) {
      let before = info(path: path)
      guard let lock = try? FileDescriptor.open(path + "/lock", O_RDWR | O_CREAT | O_NOFOLLOW) else {
        throw .unusable("the cache \(path) cannot be written: run as the user it belongs to")
      }
      guard clinux_lock_exclusive(lock.rawValue) == 0 else {
        throw .heldByProcess(pid: Int32(lock.firstLine()) ?? 0)
      }
      // Inode numbers go on: nothing made later shares a number with what was.
      remove(path, keeping: ["lock", "numbers"])
      freed += before.allocated - allocated(path)
      withExtendedLifetime(lock) {}
    }
    return freed
  }

  // MARK: Looking

  private static func folders(_ directory: String, _ source: String?) -> [String] {
    guard let top = try? FileDescriptor.open(directory, O_RDONLY | O_DIRECTORY) else { return [] }
    let wanted = source.map { CacheFolder.name(of: $0) }
    var found: [String] = []
    top.forEachName(limit: 256) { names in
      for name in names where name.utf8.count == 32 && name.allSatisfy(\.isHexDigit) {
        if let wanted, wanted != name { continue }
        found.append(directory + "/" + name)
      }
      return true
    }
    return found.sorted()
  }

  private static func info(path: String) -> Info {
    var info = Info(
      source: nil, path: path, holder: nil, allocated: allocated(path), bodies: 0, bodyBytes: 0, entries: 0,
      isClean: false)
    if let lock = try? FileDescriptor.open(path + "/lock", O_RDONLY | O_NOFOLLOW),
      clinux_lock_exclusive(lock.rawValue) != 0
    {
      info.holder = Int32(lock.firstLine()) ?? 0
    }
    guard let connection = try? Connection(path: path + "/index.sqlite", flags: SQLITE_OPEN_READONLY) else {
      return info
    }
    info.source = try? connection.string("SELECT source FROM meta")
    info.isClean = (try? connection.number("SELECT clean FROM meta")) == 1
    info.bodies = (try? connection.number("SELECT count(*) FROM body")) ?? 0
    info.bodyBytes = (try? connection.number("SELECT sum(allocated) FROM body")) ?? 0
    info.entries = (try? connection.number("SELECT count(*) FROM entry")) ?? 0
    return info
  }

  /// As `du` counts.
  static func allocated(_ path: String) -> Int64 {
    var seen: Set<ino_t> = []
    return allocated(path, &seen)
  }

  /// A file of several names counts once.
  private static func allocated(_ path: String, _ seen: inout Set<ino_t>) -> Int64 {
    var status = stat()
    guard lstat(path, &status) == 0 else { return 0 }
    let isFolder = status.st_mode & S_IFMT == S_IFDIR
    if !isFolder, status.st_nlink > 1, !seen.insert(status.st_ino).inserted { return 0 }
    var total = status.allocatedBytes
    guard isFolder,
      let folder = try? FileDescriptor.open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW)
    else { return total }
    folder.forEachName(limit: 256) { names in
      for name in names { total += allocated(path + "/" + name, &seen) }
      return true
    }
    return total
  }

  private static func remove(_ path: String, keeping: Set<String> = []) {
    guard let folder = try? FileDescriptor.open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW) else { return }
    folder.forEachName(limit: .max) { names in
      for name in names where !keeping.contains(name) {
        if unlinkat(folder.rawValue, name, 0) == 0 { continue }
        remove(path + "/" + name)
        unlinkat(folder.rawValue, name, AT_REMOVEDIR)
      }
      return true
    }
  }
}

extension BlockCache {
  /// Checks all blocks of a body.
  fileprivate func verify(_ row: BodyRow, _ result: inout CacheInspection.Verification) {
    result.bodies += 1
    guard let body = body(of: row.inode, size: row.size, class: row.storageClass) else { return }
    let file = body.open(creating: false)?.0
    var after: Int64 = -1
    while case let rows = index.segments(of: row.inode, after: after, limit: 16), let last = rows.last {
      for (number, segment) in rows {
        var bad = segment.present
        if let file { bad = Body.damaged(segment.present, in: number, segment.checksums, size: row.size, file) }
        result.blocks += Int64(segment.present.nonzeroBitCount)
        result.bytes += BodySegment.bytes(segment.present, in: number, size: row.size)
        result.damaged += Int64(bad.nonzeroBitCount)
        if bad != 0 || segment.isSuspect { index.settle(number, of: row.inode, bad: bad, isWhole: true) }
      }
      after = last.0
    }
  }
}

extension Connection {
  fileprivate func string(_ sql: StaticString) throws(SQLiteCode) -> String? {
    let query = try statement(sql)
    return try query.step() ? query.text(0) : nil
  }
}
