import Objects
import Platform
import Zarr

/// One array as far as it is known: its names, which of them exist, and who walks over it. Pure.
struct ArrayNode: Sendable {
  /// Chunks of a grid whose listing is taken: five pages of 1,000 keys.
  private static let listedChunks: Int64 = 5000

  let layout: ArrayLayout
  let isCoordinate: Bool
  /// Bytes of a decoded chunk; what it takes compressed is not more, as a rule. Of an inner chunk, where there are.
  let chunkBytes: Int64
  /// nil: chunks are read whole.
  let reading: PartialReading?
  /// Its own document's name.
  let document: EntryName
  /// When the document that says so was read.
  let validated: WallTime
  /// Of the array's own document, not of a group's consolidated copy.
  let isOwn: Bool
  var presence: ArrayPresence
  /// Over inner chunks, where there are.
  var planner: WalkPlanner
  /// Shards that the remote does not have; begun anew when it is full.
  var absentShards: Set<ChunkCoordinates> = []
  /// The indexes of its other shards were asked for when the first one was touched.
  var hasIndexesAhead = false

  /// nil for an array that is plain.
  init?(_ metadata: ArrayMetadata, at key: ObjectKey, validated: WallTime, isOwn: Bool) {
    guard let layout = metadata.layout else { return nil }
    self.layout = layout
    document = (metadata.format == .v3 ? MetadataDocument.nodeV3 : .arrayV2).name
    self.validated = validated
    self.isOwn = isOwn
    isCoordinate = metadata.isCoordinate(at: key)
    let bytes = max(metadata.chunkBytes ?? 1 << 20, 1)
    presence = ArrayPresence(layout)
    if !layout.isSharded || metadata.chunkBytes.map({ $0 <= PartialReading.smallest }) ?? false {
      reading = nil
    } else if let sharding = layout.sharding, sharding.isIndexSmall {
      reading = .shard(sharding)
    } else {
      reading = .ranges
    }
    chunkBytes = max(bytes / Int64(reading?.layout?.total ?? 1), 1)
    planner = WalkPlanner(grid: reading?.layout == nil ? layout.grid : layout.innerGrid ?? layout.grid)
  }

  /// How a chunk inside the grid is asked for.
  var question: NameJudgement {
    switch reading {
    case nil: .askByGet(storageClass)
    case .ranges: .askByHead
    case .shard(let layout): .askByIndex(layout)
    }
  }

  var storageClass: StorageClass { isCoordinate ? .coordinate : .chunk }

  /// The remote has no such chunk or shard.
  mutating func note(absent coordinates: ChunkCoordinates) {
    guard reading != nil else { return planner.note(absent: coordinates) }
    if absentShards.count >= 1024 { absentShards = [] }
    absentShards.insert(coordinates)
  }

  var isListable: Bool { (layout.grid.total ?? .max) <= Self.listedChunks }

  /// Begins a listing, where one is cheaper than asking for the chunks one by one and none is there or under way.
  mutating func beginsListing() -> Bool {
    guard presence.state == .none, isListable else { return false }
    presence.begin()
    return true
  }

  /// The next chunks of the walk that this access belongs to.
  mutating func walk(_ coordinates: ChunkCoordinates, _ budget: PrefetchBudget, at time: MonotonicTime)
    -> [ChunkCoordinates]
  {
    planner.note(coordinates, at: time.nanoseconds)
    let presence = presence
    return planner.next(budget) { presence.absence(of: $0) == nil }
  }
}
