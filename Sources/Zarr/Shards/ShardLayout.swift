package import Objects

/// How a shard is built: its inner chunks and where its index is (v3 extension `sharding_indexed`, "Binary shard
/// format").
package struct ShardLayout: Equatable, Sendable {
  /// Inner chunks of one shard that we keep an index for: 64 MiB of index. Above, a shard is plain ranges.
  package static let maximumTotal = 1 << 22
  /// Bytes of an index that is fetched with the shard's name and kept parsed: 65,536 inner chunks.
  private static let smallIndex: Int64 = 1 << 20

  /// In elements.
  package let innerChunkShape: [Int64]
  /// Inner chunks of one shard along each axis. Shards at the edge of the array have them all, too.
  package let counts: [Int64]
  /// Their product: entries of the index.
  package let total: Int
  package let indexAtStart: Bool
  /// Whether a CRC-32C follows the entries.
  package let hasChecksum: Bool
  /// The byte order of the entries; little-endian in practice.
  package let isBigEndian: Bool

  package init?(
    shardShape: [Int64], innerChunkShape: [Int64], indexAtStart: Bool = false, hasChecksum: Bool = true,
    isBigEndian: Bool = false
  ) {
    guard shardShape.count == innerChunkShape.count, shardShape.count <= ChunkGrid.maximumRank else { return nil }
    var counts = [Int64]()
    for (shard, inner) in zip(shardShape, innerChunkShape) {
      guard inner > 0, shard > 0, shard % inner == 0 else { return nil }
      counts.append(shard / inner)
    }
    guard let total = checkedProduct(counts), total <= Self.maximumTotal else { return nil }
    self.innerChunkShape = innerChunkShape
    self.counts = counts
    self.total = Int(total)
    self.indexAtStart = indexAtStart
    self.hasChecksum = hasChecksum
    self.isBigEndian = isBigEndian
  }

  /// The `configuration` of the codec. nil where the index is not in a form that we read, or the inner chunks are shards
  /// again.
  init?(_ configuration: JSONValue, shardShape: [Int64]) throws(MetadataError) {
    let inner = try ArrayMetadata.shape(configuration["chunk_shape"], member: "sharding_indexed chunk_shape")
    guard inner.count == shardShape.count, !inner.contains(0), zip(shardShape, inner).allSatisfy({ $0 % $1 == 0 })
    else { throw .invalid(member: "sharding_indexed chunk_shape") }
    let codecs = configuration["codecs"]?.array ?? []
    if codecs.contains(where: { ArrayMetadata.name(of: $0) == "sharding_indexed" }) { return nil }

    let atStart: Bool
    switch configuration["index_location"] {
    case nil, .string("end"): atStart = false
    case .string("start"): atStart = true
    default: return nil
    }
    guard let indexCodecs = configuration["index_codecs"]?.array, let first = indexCodecs.first,
      let name = ArrayMetadata.name(of: first), name == "bytes" || name == "endian"
    else { return nil }
    // `endian` is what `bytes` was called before the specification was final.
    let checksum: Bool
    switch indexCodecs.count {
    case 1: checksum = false
    case 2 where ArrayMetadata.name(of: indexCodecs[1]) == "crc32c": checksum = true
    default: return nil
    }
    let endian = first["configuration"]?["endian"]?.string
    guard endian == nil || endian == "little" || endian == "big" else { return nil }
    self.init(
      shardShape: shardShape, innerChunkShape: inner, indexAtStart: atStart, hasChecksum: checksum,
      isBigEndian: endian == "big")
  }

  /// Bytes of the index with its checksum.
  package var indexSize: Int64 { Int64(total) * 16 + (hasChecksum ? 4 : 0) }

  /// Whether the index is worth having for a read of one inner chunk; else the shard is plain ranges.
  package var isIndexSmall: Bool { indexSize <= Self.smallIndex }

  /// Where the index is; nil if a shard of this size has no room for one.
  package func indexRange(shardSize: Int64) -> ByteRange? {
    guard shardSize >= indexSize else { return nil }
    return indexAtStart ? 0..<indexSize : (shardSize - indexSize)..<shardSize
  }
}
