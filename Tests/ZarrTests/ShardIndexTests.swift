import Objects
import Testing

@testable import Zarr

@Suite struct ShardIndexTests {
  static let absent = (UInt64.max, UInt64.max)

  static func encode(_ entries: [(UInt64, UInt64)], checksum: Bool = true, bigEndian: Bool = false) -> [UInt8] {
    var bytes = [UInt8]()
    for word in entries.flatMap({ [$0.0, $0.1] }) {
      withUnsafeBytes(of: bigEndian ? word.bigEndian : word.littleEndian) { bytes += $0 }
    }
    if checksum { withUnsafeBytes(of: CRC32C.checksum(bytes[...]).littleEndian) { bytes += $0 } }
    return bytes
  }

  func index(_ entries: [(UInt64, UInt64)], size: Int64) throws -> ShardIndex {
    let layout = try #require(ShardLayout(shardShape: [Int64(entries.count)], innerChunkShape: [1]))
    return try #require(ShardIndex(Self.encode(entries), layout: layout, shardSize: size))
  }

  /// RFC 3720, appendix B.4.
  @Test func `the checksum's vectors`() {
    let vectors: [([UInt8], UInt32)] = [
      (Array("123456789".utf8), 0xE306_9283), ([UInt8](repeating: 0, count: 32), 0x8A91_36AA),
      ([UInt8](repeating: 0xFF, count: 32), 0x62A8_AB43), (Array(0..<32), 0x46DD_794E),
    ]
    for (bytes, expected) in vectors {
      let checksum = CRC32C.checksum(bytes[...])
      #expect(checksum == expected)
    }
  }

  /// The binary shard format of the specification: index of (offset, nbytes), C order, at the end; 2^64-1 for empty.
  @Test func `entries by number and by coordinates`() throws {
    let layout = try #require(ShardLayout(shardShape: [4, 4], innerChunkShape: [2, 2]))
    let bytes = Self.encode([(100, 50), Self.absent, (0, 100), (150, 0)])
    #expect(layout.indexRange(shardSize: 218) == 150..<218)
    #expect(layout.indexRange(shardSize: 67) == nil)
    let index = try #require(ShardIndex(bytes, layout: layout, shardSize: 218))
    #expect(index.innerChunkRange([0, 0]) == 100..<150)
    #expect(index.innerChunkRange([0, 1]) == nil)
    #expect(index.innerChunk(1) == .absent)
    #expect(index.innerChunkRange([1, 0]) == 0..<100)
    #expect(index.innerChunk(3) == .bytes(150..<150))
    #expect(index.innerChunkRange([2, 0]) == nil)
    #expect(index.innerChunkRange([0]) == nil)
    #expect(index.innerChunk(-1) == .absent)
    #expect(index.innerChunk(4) == .absent)
    #expect(index.innerChunks(in: 0..<218) == [2, 0])
    #expect(index.innerChunks(in: 99..<101) == [2, 0])
    #expect(index.innerChunks(in: 100..<101) == [0])
    #expect(index.innerChunks(in: 150..<218) == [])
    #expect(index.neighbours(after: 2, count: 5) == [0])
    #expect(index.neighbours(after: 1, count: 5) == [])
  }

  @Test func `index at the start, without a checksum, big-endian`() throws {
    let layout = try #require(
      ShardLayout(shardShape: [2], innerChunkShape: [1], indexAtStart: true, hasChecksum: false, isBigEndian: true))
    #expect(layout.indexSize == 32)
    #expect(layout.indexRange(shardSize: 100) == 0..<32)
    let bytes = Self.encode([(32, 8), (40, 60)], checksum: false, bigEndian: true)
    let index = try #require(ShardIndex(bytes, layout: layout, shardSize: 100))
    #expect(index.innerChunkRange([1]) == 40..<100)
  }

  @Test func `a wrong checksum or length is refused`() throws {
    let layout = try #require(ShardLayout(shardShape: [2], innerChunkShape: [1]))
    let bytes = Self.encode([(0, 8), (8, 8)])
    #expect(ShardIndex(bytes, layout: layout, shardSize: 52) != nil)
    for position in bytes.indices {
      var damaged = bytes
      damaged[position] ^= 0x10
      #expect(ShardIndex(damaged, layout: layout, shardSize: 52) == nil)
    }
    #expect(ShardIndex(Array(bytes.dropLast()), layout: layout, shardSize: 52) == nil)
    #expect(ShardIndex(bytes + [0], layout: layout, shardSize: 52) == nil)
    #expect(ShardIndex([], layout: layout, shardSize: 52) == nil)
    #expect(ShardIndex(bytes, layout: layout, shardSize: 35) == nil)
  }

  @Test func `entries that point anywhere`() throws {
    let index = try index(
      [(0, 300), (200, 1), (.max, 1), (1, .max), (.max - 1, .max - 1), (1 << 63, 0), (0, 10), (5, 10), (5, 10)],
      size: 300)
    for number in [2, 3, 4, 5] { #expect(index.innerChunk(number) == .invalid) }
    #expect(index.innerChunk(0) == .bytes(0..<300))
    #expect(index.innerChunks(in: 7..<8) == [0, 6, 7, 8])
    #expect(index.innerChunks(in: 250..<260) == [0])
    #expect(index.innerChunks(in: 1000..<2000) == [])
    #expect(index.ranges(toRead: 7..<8, gap: 0, spill: 1) == [0..<300])
  }

  @Test func `reads follow the boundaries of inner chunks`() throws {
    // Four of 100,000 bytes, of which the third is empty; a hole of 20,000 before the last.
    let index = try index([(0, 100_000), (100_000, 100_000), Self.absent, (220_000, 100_000)], size: 321_000)
    // With the four pages that the kernel reads in place of the last.
    #expect(index.ranges(toRead: 40_000..<60_000, gap: 0) == [0..<102_400 + 16_384])
    // Pages: 98,304 ... 200,704 reach a little into both neighbours.
    #expect(index.ranges(toRead: 98_304..<200_704, gap: 0) == [98_304..<200_704 + 16_384])
    // Two of them: the first is meant, the other the kernel's read-ahead.
    #expect(index.ranges(toRead: 70_000..<130_000, gap: 0) == [0..<130_000])
    #expect(index.ranges(toRead: 199_000..<240_000, gap: 0) == [199_000..<321_000])
    #expect(index.ranges(toRead: 320_500..<999_999, gap: 0) == [320_500..<321_000])
    #expect(index.ranges(toRead: 400_000..<500_000, gap: 0) == [])
  }

  @Test func `which inner chunk a read is after`() throws {
    let index = try index([(0, 100_000), (100_000, 100_000), Self.absent, (220_000, 100_000)], size: 320_068)
    #expect(index.innerChunk(readBy: 0..<4096) == 0)
    #expect(index.innerChunk(readBy: 0..<300_000) == 0)
    #expect(index.innerChunk(readBy: 98_304..<200_704) == 1)
    // The last page and what the kernel reads along: the end of what it begins in.
    #expect(index.innerChunk(readBy: 98_304..<102_400) == 0)
    #expect(index.innerChunk(readBy: 98_304..<114_688) == 0)
    #expect(index.innerChunk(readBy: 102_400..<118_784) == 0)
    #expect(index.innerChunk(readBy: 106_496..<122_880) == 1)
    // The index, with the pages around it; but not a long read that ends there.
    #expect(index.innerChunk(readBy: 319_488..<320_068) == nil)
    #expect(index.innerChunk(readBy: 220_000..<320_068) == 3)
    #expect(index.innerChunk(readBy: 205_000..<210_000) == nil)
    // Begun: in the first page, or where the pages read along with the one before end.
    #expect(index.innerChunk(begunBy: 98_304..<200_704) == 1)
    #expect(index.innerChunk(begunBy: 114_688..<200_704) == 1)
    #expect(index.innerChunk(begunBy: 131_072..<200_704) == nil)
    #expect(index.innerChunk(begunBy: 98_304..<114_688) == nil)
    #expect(index.innerChunk(begunBy: 0..<4096) == 0)
    #expect(index.ranges(toRead: 40_000..<60_000, gap: 0, limit: 99_999) == [40_000..<60_000])
    #expect(index.ranges(of: [3, 1, 0, 2, 9], gap: 0) == [0..<217_088, 220_000..<320_068])
    #expect(index.ranges(of: [3, 1], gap: 2913) == [100_000..<320_068])
    #expect(index.longest == 100_000)
  }

  @Test func `an index that no writer makes`() throws {
    #expect(try index([(0, 100), Self.absent, (100, 100)], size: 252).isPlausible)
    #expect(try !index([(0, 100), Self.absent, (200, 100)], size: 252).isPlausible, "outside")
    #expect(try !index([(0, 200), (0, 200)], size: 236).isPlausible, "more bytes than there are")
    #expect(try !index([(0, 1 << 62), (5, 1 << 62), (9, 1 << 62)], size: .max).isPlausible)
  }

  @Test func merging() {
    #expect(ShardIndex.merge([20..<30, 0..<10], gap: 10) == [0..<10, 20..<30])
    #expect(ShardIndex.merge([20..<30, 0..<10], gap: 11) == [0..<30])
    #expect(ShardIndex.merge([0..<10, 10..<20, 5..<6, 3..<3], gap: 0) == [0..<20])
    #expect(ShardIndex.merge([], gap: 5) == [])
  }

  @Test func `what covers a range is what a plain search finds`() throws {
    var generator = SplitMix64(seed: 99)
    for _ in 0..<200 {
      let entries: [(UInt64, UInt64)] = (0..<12).map { _ in
        Bool.random(using: &generator)
          ? Self.absent
          : (UInt64.random(in: 0...1000, using: &generator), UInt64.random(in: 0...200, using: &generator))
      }
      let index = try index(entries, size: 1000)
      for _ in 0..<20 {
        let start = Int64.random(in: 0...1000, using: &generator)
        let range = start..<(start + Int64.random(in: 0...150, using: &generator))
        let expected = (0..<12).filter { number in
          guard case .bytes(let bytes) = index.innerChunk(number) else { return false }
          return bytes.overlaps(range)
        }
        #expect(index.innerChunks(in: range).sorted() == expected)
      }
    }
  }

  @Test func `layouts that cannot be`() {
    #expect(ShardLayout(shardShape: [4], innerChunkShape: [3]) == nil)
    #expect(ShardLayout(shardShape: [4], innerChunkShape: [0]) == nil)
    #expect(ShardLayout(shardShape: [4, 4], innerChunkShape: [4]) == nil)
    #expect(ShardLayout(shardShape: [1 << 40], innerChunkShape: [1]) == nil)
    #expect(ShardLayout(shardShape: [.max, .max], innerChunkShape: [1, 1]) == nil)
  }
}
