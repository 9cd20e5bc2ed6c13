import Glibc
import Objects
import Platform
import TestSupport
import Testing

@testable import Cache

private let block = BlockGeometry.blockSize

/// Shards that keep a part of themselves when they are evicted, and what must be true of them.
protocol TrimTesting {
  var fixture: CacheFixture { get }
}

extension TrimTesting {
  /// Two segments and a part, so that kept blocks have neighbours in their own segment and in others.
  static var size: Int64 { 140 * block + 1000 }
  static var end: ByteRange { 139 * block..<size }

  /// Filled as a whole, told what to keep, and held by nobody.
  func shard(
    _ name: EntryName, keeping kept: ByteRange = Self.end, size: Int64 = Self.size, fill: ByteRange? = nil,
    class storageClass: StorageClass = .chunk, in cache: BlockCache
  ) throws -> InodeNumber {
    let (inode, made) = cache.file(name, size: size, class: storageClass)
    let body = try #require(made)
    #expect(body.fill(fill ?? 0..<size, seed: inode.rawValue, piece: 1 << 20))
    body.keep(kept)
    return inode
  }

  func body(_ inode: InodeNumber, size: Int64 = Self.size, in cache: BlockCache) throws -> Body {
    try #require(cache.body(of: inode, size: size, class: .chunk))
  }

  func status(_ inode: InodeNumber) -> stat? {
    var status = stat()
    return lstat(fixture.bodyPath(inode), &status) == 0 ? status : nil
  }

  /// The rows, their sums, and the disk say the same.
  func expectExact(
    _ cache: BlockCache, _ inodes: [InodeNumber], sourceLocation: SourceLocation = #_sourceLocation
  ) {
    let taken = inodes.map { status($0)?.allocatedBytes ?? 0 }
    let rows = inodes.map { cache.index.body(of: $0)?.allocated ?? 0 }
    #expect(rows == taken, sourceLocation: sourceLocation)
    #expect(cache.usage.bodyBytes == taken.reduce(0, +), sourceLocation: sourceLocation)
    #expect(cache.index.bodyTotals().bytes == taken.reduce(0, +), sourceLocation: sourceLocation)
    let ranks = cache.index.coldest(skipping: 0, limit: 1).ranks
    cache.index.countBodies()
    #expect(cache.index.coldest(skipping: 0, limit: 1).ranks == ranks, sourceLocation: sourceLocation)
  }

  /// Exactly these blocks are there, by the rows and by the bytes.
  func expectKept(
    _ inode: InodeNumber, _ kept: ByteRange, size: Int64 = Self.size, in cache: BlockCache,
    sourceLocation: SourceLocation = #_sourceLocation
  ) throws {
    let body = try body(inode, size: size, in: cache)
    var missing: [ByteRange] = []
    if kept.lowerBound > 0 { missing.append(0..<kept.lowerBound) }
    if kept.upperBound < size { missing.append(kept.upperBound..<size) }
    #expect(body.missing(in: 0..<size) == missing, sourceLocation: sourceLocation)
    #expect(body.holds(kept, seed: inode.rawValue), sourceLocation: sourceLocation)
    for range in missing {
      #expect(body.bytes(range.lowerBound..<range.lowerBound + 1) == nil, sourceLocation: sourceLocation)
      #expect(body.bytes(range.upperBound - 1..<range.upperBound) == nil, sourceLocation: sourceLocation)
    }
    #expect(cache.cachedBytes(of: inode) == Int64(kept.count), sourceLocation: sourceLocation)
    #expect(cache.usage.verifyFailures == 0, sourceLocation: sourceLocation)
  }
}
