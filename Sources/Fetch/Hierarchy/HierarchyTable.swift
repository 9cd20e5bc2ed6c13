package import Objects
package import Platform
import Zarr

/// The Zarr nodes that were read of, and what follows from them for names and for what is read next. Pure.
///
/// Nothing here hides what the bucket holds: a document tells which chunk names cannot exist and which are likely, and
/// every other name is asked for (design.md section 5). Bounded: the nodes longest unused are forgotten.
package struct HierarchyTable: Sendable {
  package struct Configuration: Sendable {
    /// `--ttl`: a document older than that says nothing of absence.
    package var timeToLive: Interval
    package var canList: Bool
    /// `--prefetch`: chunks ahead of a reader, at most; 0 switches everything ahead off.
    package var prefetchChunks: Int
    /// Bytes ahead of a reader, at most.
    package var prefetchBytes: Int64
    /// Bytes that the line brings in one round trip; changes as it is measured.
    package var roundTripBytes: Int64 = 0
    /// Coordinates above are left to their readers: 4 MiB for an array, 64 chunks.
    package var coordinateBytes: Int64 = 4 << 20
    package var coordinateChunks: Int64 = 64
    /// Indexes of an array's shards that are fetched when one is touched: what a line of 90 MB/s brings in 30 ms, nearly.
    package var indexBytes: Int64 = 2 << 20
    /// Documents of one group that are fetched when it is first read.
    package var documents = 256
    package var nodes = 8192

    package init(timeToLive: Interval, canList: Bool, prefetchChunks: Int, prefetchBytes: Int64) {
      self.timeToLive = timeToLive
      self.canList = canList
      self.prefetchChunks = prefetchChunks
      self.prefetchBytes = prefetchBytes
    }
  }

  var configuration: Configuration
  var arrays: LeastRecentlyUsed<ObjectKey, ArrayNode>
  /// Chunks of coordinates, which exist as a rule: the latest known.
  var likelyChunks: [ObjectKey] = []
  /// Directories above arrays, each once.
  var parents: LeastRecentlyUsed<ObjectKey, Void>
  /// Directories whose listing was advised, and when.
  var listed: LeastRecentlyUsed<ObjectKey, WallTime>
  /// Names that begin with a dot, of directories too long to be listed whole, and when their listing began.
  var dots: LeastRecentlyUsed<ObjectKey, (names: Set<EntryName>, asked: WallTime)>

  package init(_ configuration: Configuration) {
    self.configuration = configuration
    arrays = LeastRecentlyUsed(capacity: configuration.nodes)
    listed = LeastRecentlyUsed(capacity: configuration.nodes)
    parents = LeastRecentlyUsed(capacity: configuration.nodes)
    dots = LeastRecentlyUsed(capacity: configuration.nodes)
  }

  // MARK: Documents

  /// What a document says; parsed before the table is locked.
  package struct Document: Sendable {
    let directory: ObjectKey
    let node: NodeMetadata?
    let consolidated: ConsolidatedMetadata?

    /// `key` is the document's own. nil for what says nothing of names. A document that makes no sense says that the
    /// directory is no node: its files are plain.
    package init?(_ key: ObjectKey, _ bytes: [UInt8]) {
      let name = key.bytes[key.directory.bytes.count...]
      guard let document = MetadataDocument(bytes: Array(name)) else { return nil }
      directory = key.directory
      switch document {
      case .attributesV2: return nil
      case .consolidatedV2:
        guard let all = try? ConsolidatedMetadata.parse(bytes) else { return nil }
        node = nil
        consolidated = all
      case .arrayV2, .groupV2, .nodeV3:
        node = try? NodeMetadata.parse(document, bytes: bytes)
        consolidated = node?.group?.consolidated
      }
    }
  }

  package mutating func learn(_ document: Document, at validated: WallTime) -> [Ahead] {
    if let array = document.node?.array {
      learn(array, at: document.directory, validated, isOwn: true)
    } else if document.consolidated == nil || document.node != nil {
      // A group now, or plain, whatever was here.
      arrays.remove(document.directory)
    }
    return document.consolidated.map { learn($0, below: document.directory, at: validated) } ?? []
  }

  private mutating func learn(_ array: ArrayMetadata, at key: ObjectKey, _ validated: WallTime, isOwn: Bool) {
    let old = arrays.use(key)
    if let old, old.isOwn, !isOwn, validated - old.validated < configuration.timeToLive { return }
    guard var node = ArrayNode(array, at: key, validated: validated, isOwn: isOwn) else {
      arrays.remove(key)
      return
    }
    // Read again and unchanged: who walks on goes on.
    if let old, old.layout == node.layout {
      node.planner = old.planner
      node.presence = old.presence
      node.absentShards = old.absentShards
      node.hasIndexesAhead = old.hasIndexesAhead
    }
    arrays.insert(node, for: key)
    noteLikelyChunk(of: node, at: key)
    noteParents(of: key)
  }

  private mutating func learn(
    _ all: ConsolidatedMetadata, below group: ObjectKey, at validated: WallTime
  ) -> [Ahead] {
    var ahead = [Ahead]()
    // The documents first: what is fetched after them is known to be of their versions (`--freshness metadata`).
    if configuration.prefetchChunks > 0 {
      ahead = all.documents.prefix(configuration.documents).map { .object(base: group, path: $0, .metadata) }
    }
    for node in all.nodes where !node.path.bytes.isEmpty {
      guard let array = node.metadata.array else { continue }
      let key = ObjectKey(bytes: group.bytes + node.path.bytes)
      learn(array, at: key, validated, isOwn: false)
      guard configuration.prefetchChunks > 0, let known = arrays.use(key), known.isCoordinate, known.reading == nil,
        let total = known.layout.grid.total, total <= configuration.coordinateChunks,
        known.chunkBytes * total <= configuration.coordinateBytes
      else { continue }
      for index in 0..<total {
        guard let coordinates = known.layout.grid.coordinates(linearIndex: index) else { continue }
        let path = ObjectKey(bytes: node.path.bytes + known.layout.key(coordinates))
        ahead.append(.object(base: group, path: path, .coordinate))
      }
    }
    return ahead
  }

  // MARK: Walks

  package mutating func read(_ key: ObjectKey, at monotonic: MonotonicTime) -> [Ahead] {
    guard configuration.prefetchChunks > 0, let (array, coordinates) = chunk(key) else { return [] }
    let configuration = configuration
    return arrays.update(array) { Self.walk(coordinates, of: array, &$0, configuration, at: monotonic) } ?? []
  }

  /// The next chunks of a walk. Over shards the readers walk by inner chunks, which their READs tell.
  static func walk(
    _ coordinates: ChunkCoordinates, of key: ObjectKey, _ node: inout ArrayNode, _ configuration: Configuration,
    at time: MonotonicTime
  ) -> [Ahead] {
    guard configuration.prefetchChunks > 0, node.reading == nil else { return [] }
    let layout = node.layout
    return node.walk(coordinates, configuration.budget(of: node), at: time).map {
      .object(base: key, path: ObjectKey(bytes: layout.key($0)), .prefetched)
    }
  }

  package mutating func absent(_ key: ObjectKey) {
    guard let (array, coordinates) = chunk(key) else { return }
    _ = arrays.update(array) { $0.note(absent: coordinates) }
  }

  package mutating func failed(_ key: ObjectKey) {
    guard let (array, coordinates) = chunk(key) else { return }
    _ = arrays.update(array) { node in
      if node.reading == nil { node.planner.note(failed: coordinates) }
    }
  }

  /// The own document of the array of which the key is a chunk.
  package mutating func document(of key: ObjectKey) -> DocumentPlace? {
    guard let (array, _) = chunk(key), let node = arrays.use(array) else { return nil }
    return DocumentPlace(node: array, name: node.document)
  }

  mutating func chunk(_ key: ObjectKey) -> (array: ObjectKey, ChunkCoordinates)? {
    guard !arrays.isEmpty else { return nil }
    guard let (array, _) = array(above: key.directory),
      let coordinates = arrays.use(array)?.layout.coordinates(Array(key.bytes[array.bytes.count...]))
    else { return nil }
    return (array, coordinates)
  }

  /// The array that a directory is, or lies in, with the path from the one to the other (no slash at its ends).
  func array(above directory: ObjectKey) -> (key: ObjectKey, path: [UInt8])? {
    guard !arrays.isEmpty else { return nil }
    var end = directory.bytes.count
    // The deepest chunk key has `c` and as many components as the greatest rank.
    for _ in 0...ChunkGrid.maximumRank + 1 {
      let key = ObjectKey(bytes: Array(directory.bytes[..<end]))
      if arrays.contains(key) { return (key, Array(directory.bytes[end...].dropLast())) }
      guard end > 0 else { return nil }
      end = directory.bytes[..<(end - 1)].lastIndex(of: UInt8(ascii: "/")).map { $0 + 1 } ?? 0
    }
    return nil
  }
}
