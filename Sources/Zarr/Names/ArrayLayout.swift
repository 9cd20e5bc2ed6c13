package import Objects

/// The names that an array's metadata makes possible: its grid and the encoding of its keys, and what is inside shards.
package struct ArrayLayout: Equatable, Sendable {
  package let format: ZarrFormat
  package let grid: ChunkGrid
  package let encoding: ChunkKeyEncoding
  /// Whether chunks are shards, which are read in parts; also those that `sharding` does not know inside.
  package let isSharded: Bool
  /// nil where chunks are no shards, or ones that are read as plain ranges.
  package let sharding: ShardLayout?
  /// The grid of inner chunks, where `sharding` is.
  package let innerGrid: ChunkGrid?

  /// nil for an array that is plain.
  package init?(_ metadata: ArrayMetadata) {
    guard !metadata.hasUnknownExtension, let encoding = metadata.keyEncoding, let chunkShape = metadata.chunkShape,
      let grid = ChunkGrid(shape: metadata.shape, chunkShape: chunkShape)
    else { return nil }
    format = metadata.format
    self.grid = grid
    self.encoding = encoding
    // Whatever comes after would move the bytes: such a shard is read whole.
    isSharded = metadata.sharding != nil || metadata.codecs.last == "sharding_indexed"
    sharding = metadata.sharding
    innerGrid = metadata.sharding.flatMap { ChunkGrid(shape: metadata.shape, chunkShape: $0.innerChunkShape) }
  }

  /// What `name` can be in a directory of the array. `prefix` is the directory's path below the array's own, without a
  /// slash at either end; empty for the array's directory.
  package func classify(prefix: [UInt8] = [], name: EntryName) -> NameClass {
    guard name.isPresentable else { return .impossible }
    if prefix.isEmpty {
      if let document = MetadataDocument(name: name) { return .metadata(document) }
      return classify(key: name.bytes)
    }
    // Without nested keys nothing below the array's directory is a chunk.
    guard encoding.separator == .slash else { return .sidecar }
    var key = [UInt8]()
    key.reserveCapacity(prefix.count + 1 + name.bytes.count)
    key += prefix
    key.append(UInt8(ascii: "/"))
    key += name.bytes
    return classify(key: key)
  }

  /// What a key below the array's directory can be, documents aside.
  package func classify(key: [UInt8]) -> NameClass {
    guard let values = encoding.prefix(key, rank: grid.rank) else { return .sidecar }
    guard grid.containsPrefix(values) else { return .outsideGrid }
    return values.count == grid.rank ? .chunk(ChunkCoordinates(values)) : .chunkDirectory(values)
  }

  /// The key of a chunk below the array's directory.
  package func key(_ coordinates: ChunkCoordinates) -> [UInt8] { encoding.key(coordinates) }

  /// The inverse, for keys inside the grid.
  package func coordinates(_ key: [UInt8]) -> ChunkCoordinates? {
    guard let coordinates = encoding.coordinates(key, rank: grid.rank), grid.contains(coordinates) else { return nil }
    return coordinates
  }

  /// The directories between the array's own and its chunks: 0 for keys without slashes.
  package var directoryDepth: Int {
    guard encoding.separator == .slash, grid.rank > 0 else { return 0 }
    return encoding.isDefault ? grid.rank : grid.rank - 1
  }

  /// How many chunks or chunk directories a chunk directory can hold, by its leading coordinates.
  package func childCount(of directory: [Int64]) -> Int64 {
    directory.count < grid.rank ? grid.counts[directory.count] : 0
  }

  /// The shard that holds an inner chunk, and the inner chunk's number in the shard's index.
  package func shard(ofInner coordinates: ChunkCoordinates) -> (shard: ChunkCoordinates, index: Int)? {
    guard let sharding, let innerGrid, innerGrid.contains(coordinates) else { return nil }
    var shard = coordinates
    var index = 0
    for axis in 0..<grid.rank {
      let count = sharding.counts[axis]
      shard[axis] = coordinates[axis] / count
      index = index * Int(count) + Int(coordinates[axis] % count)
    }
    return (shard, index)
  }

  /// The inverse of `shard(ofInner:)`: nil for an inner chunk beyond the array's edge (its index entry is empty).
  package func innerCoordinates(shard: ChunkCoordinates, index: Int) -> ChunkCoordinates? {
    guard let sharding, let innerGrid, grid.contains(shard), index >= 0, index < sharding.total else { return nil }
    var values = shard.values
    var rest = Int64(index)
    for axis in (0..<grid.rank).reversed() {
      // May wrap beyond the edge of an array of nearly 2^63; the grid does not contain what comes of it.
      values[axis] = shard[axis] * sharding.counts[axis] &+ rest % sharding.counts[axis]
      rest /= sharding.counts[axis]
    }
    let coordinates = ChunkCoordinates(values)
    return innerGrid.contains(coordinates) ? coordinates : nil
  }
}
