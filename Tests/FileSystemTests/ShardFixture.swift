import Objects
import TestSupport
import Zarr

/// One-dimensional sharded arrays of bytes, as a writer makes them: inner chunks of random length and place, and an index.
struct ShardFixture {
  static let innerLength: Int64 = 300_000
  static let innerChunks = 8

  var indexAtStart = false
  /// The index's own checksum is wrong.
  var isDamaged = false
  /// An entry of the index points outside of the shard.
  var pointsOutside = false
  private var random = SeededGenerator(seed: 5)

  init(indexAtStart: Bool = false, isDamaged: Bool = false, pointsOutside: Bool = false) {
    self.indexAtStart = indexAtStart
    self.isDamaged = isDamaged
    self.pointsOutside = pointsOutside
  }

  struct Shard {
    var bytes: [UInt8]
    /// Of each inner chunk, by its number; nil for one that is absent.
    var ranges: [ByteRange?]
    var index: ByteRange
  }

  func document(shards: Int) -> String {
    let shard = Self.innerLength * Int64(Self.innerChunks)
    return """
      {"zarr_format":3,"node_type":"array","shape":[\(shard * Int64(shards))],"data_type":"uint8","fill_value":0,
      "chunk_grid":{"name":"regular","configuration":{"chunk_shape":[\(shard)]}},
      "chunk_key_encoding":{"name":"default","configuration":{"separator":"/"}},
      "codecs":[{"name":"sharding_indexed","configuration":{"chunk_shape":[\(Self.innerLength)],
      "codecs":[{"name":"bytes"}],"index_codecs":[{"name":"bytes","configuration":{"endian":"little"}},
      {"name":"crc32c"}],"index_location":"\(indexAtStart ? "start" : "end")"}}]}
      """
  }

  /// Inner chunks stand in the order 0, 2, 4, … 1, 3, 5, … as no reader asks for them.
  mutating func shard(absent: Set<Int> = []) -> Shard {
    let indexSize = Self.innerChunks * 16 + 4
    var bytes = indexAtStart ? [UInt8](repeating: 0, count: indexSize) : []
    var ranges = [ByteRange?](repeating: nil, count: Self.innerChunks)
    for number in [0, 2, 4, 6, 1, 3, 5, 7] where !absent.contains(number) {
      let lower = Int64(bytes.count)
      bytes += random.bytes(Int.random(in: 250_000..<300_000, using: &random))
      ranges[number] = lower..<Int64(bytes.count)
    }
    var index: [UInt8] = []
    for (number, range) in ranges.enumerated() {
      var words: [UInt64] = [.max, .max]
      if let range { words = [UInt64(range.lowerBound), UInt64(range.count)] }
      if number == 3, pointsOutside { words = [1 << 40, 5] }
      for word in words { withUnsafeBytes(of: word.littleEndian) { index += $0 } }
    }
    var checksum = Self.crc32c(index)
    if isDamaged { checksum ^= 1 }
    withUnsafeBytes(of: checksum.littleEndian) { index += $0 }
    if indexAtStart {
      bytes.replaceSubrange(0..<indexSize, with: index)
      return Shard(bytes: bytes, ranges: ranges, index: 0..<Int64(indexSize))
    }
    let lower = Int64(bytes.count)
    bytes += index
    return Shard(bytes: bytes, ranges: ranges, index: lower..<Int64(bytes.count))
  }

  /// Bit by bit, after RFC 3720.
  static func crc32c(_ bytes: [UInt8]) -> UInt32 {
    var value: UInt32 = 0xFFFF_FFFF
    for byte in bytes {
      value ^= UInt32(byte)
      for _ in 0..<8 { value = value & 1 == 1 ? value >> 1 ^ 0x82F6_3B78 : value >> 1 }
    }
    return ~value
  }
}
