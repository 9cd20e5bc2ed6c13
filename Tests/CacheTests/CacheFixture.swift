import Glibc
import Objects
import Platform
import TestSupport

@testable import Cache

/// A cache in a directory of its own, on a clock that stands still, without its thread unless asked for.
struct CacheFixture {
  static let source = "s3://bucket/prefix"
  let directory = TemporaryDirectory("zarrfs-cache")
  let time = ManualTimeSource()

  var root: String { directory.path + "/cache" }
  var folder: String { root + "/" + CacheFolder.name(of: Self.source) }

  func configuration(size: Int64 = 64 << 20, minimumFree: Int64 = 0, age: Interval? = nil) -> CacheConfiguration {
    CacheConfiguration(
      directory: root, source: Self.source, size: size, minimumFree: minimumFree, maximumAge: age)
  }

  func open(size: Int64 = 64 << 20, minimumFree: Int64 = 0, age: Interval? = nil) throws -> BlockCache {
    try BlockCache(configuration(size: size, minimumFree: minimumFree, age: age), time: time, log: .silent)
  }

  /// As after a kill at this moment: the files as they are, in the place of another fixture.
  func copy() -> CacheFixture {
    let other = CacheFixture()
    let status = system("cp -a --sparse=always '\(root)' '\(other.root)'")
    precondition(status == 0)
    return other
  }

  /// What `du` says.
  var allocated: Int64 { CacheInspection.allocated(folder) }

  func bodyPath(_ inode: InodeNumber) -> String { folder + "/bodies/" + CacheFolder.bodyName(inode) }
}

/// Writes into a file behind the cache's back.
func overwrite(_ file: borrowing FileDescriptor, _ bytes: [UInt8], at offset: Int64) {
  precondition(pwrite(file.rawValue, bytes, bytes.count, off_t(offset)) == bytes.count)
}

/// Repeats after a prime number of bytes, so that no two blocks of a file are alike.
private let pattern: [UInt8] = {
  var state: UInt32 = 1
  return (0..<60_013).map { _ in
    state = state &* 1_664_525 &+ 1_013_904_223
    return UInt8(state >> 24)
  }
}()

/// Bytes that tell where they are from. Copied in runs: element by element takes seconds in a debug build.
func content(_ seed: UInt64, _ range: ByteRange) -> [UInt8] {
  if range.isEmpty { return [] }
  return [UInt8](unsafeUninitializedCapacity: range.count) { buffer, count in
    var place = Int((range.lowerBound + Int64(seed % 100_003) * 7919) % Int64(pattern.count))
    while count < range.count {
      let run = min(pattern.count - place, range.count - count)
      pattern.withUnsafeBytes { _ = memcpy(buffer.baseAddress! + count, $0.baseAddress! + place, run) }
      count += run
      place = 0
    }
  }
}

extension Body {
  /// Fills a range with `content`; whether it could be.
  @discardableResult
  func fill(_ range: ByteRange, seed: UInt64, piece: Int64 = 100_000) -> Bool {
    guard let fill = beginFill(range) else { return false }
    var offset = fill.range.lowerBound
    while offset < fill.range.upperBound {
      let next = min(offset + piece, fill.range.upperBound)
      guard content(seed, offset..<next).withUnsafeBytes({ fill.append($0) }) else { return false }
      offset = next
    }
    fill.finish()
    return true
  }

  func bytes(_ range: ByteRange) -> [UInt8]? {
    var buffer = [UInt8](repeating: 0, count: range.count)
    return buffer.withUnsafeMutableBytes { read(range, into: $0) } ? buffer : nil
  }

  func holds(_ range: ByteRange, seed: UInt64) -> Bool { bytes(range) == content(seed, range) }
}

extension BlockCache {
  /// A file of this name and size, recorded, with its body.
  func file(_ name: EntryName, size: Int64, class storageClass: StorageClass = .chunk) -> (InodeNumber, Body?) {
    let version = ObjectVersion(tag: EntityTag("\"\(name)\""), size: size, modified: 0)
    let entry = index.record(.file(version), for: name, in: .root, at: time.now())
    return (entry.inode, body(of: entry.inode, size: size, class: storageClass))
  }
}
