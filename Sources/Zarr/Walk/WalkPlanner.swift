/// What to fetch of one array before it is asked for (design.md section 8). Pure: accesses in, chunks out.
///
/// Accesses are sorted into a few streams, one for each reader at work; each stream votes for an order (`WalkStream`).
/// An order is believed only after it foretold accesses, so random reading is left alone. How many chunks ahead is the
/// caller's budget and the planner's own depth: it begins with what the line brings in one round trip, grows with every
/// chunk fetched ahead that was then read, and halves with every one that was thrown away unread.
///
/// The same planner serves the inner chunks of shards, over `ArrayLayout.innerGrid`.
/// Memory: 8 streams of 96 accesses, and 2,048 + 4,096 remembered chunks at most.
package struct WalkPlanner: Sendable {
  private static let streamLimit = 8
  private static let firstDepth = 2
  /// A walk idle for longer takes in only what continues it exactly: 2 s.
  private static let idle: Int64 = 2_000_000_000

  package let grid: ChunkGrid
  private var streams: [WalkStream] = []
  /// Which stream the last access went to.
  private var latest: Int?
  private var accesses: UInt64 = 0
  private var recent = RecentSet<ChunkCoordinates>(capacity: 128)
  private var requested = RecentSet<ChunkCoordinates>(capacity: 2048)
  private var absent = RecentSet<ChunkCoordinates>(capacity: 4096)
  /// Chunks ahead of a reader, as far as experience goes.
  package private(set) var depth = firstDepth
  /// Whether some walk was fetched ahead of: from then on, experience counts.
  private var hasBegun = false
  /// The last budget: a depth beyond it would take long to come down again.
  private var greatestDepth = firstDepth

  package init(grid: ChunkGrid) { self.grid = grid }

  /// A reader asked for this chunk (a lookup or a read; not the walk of `find`). `time` is monotonic, in nanoseconds.
  package mutating func note(_ coordinates: ChunkCoordinates, at time: Int64) {
    guard grid.rank > 0, grid.contains(coordinates) else { return }
    if requested.remove(coordinates) { depth = min(depth + max(2, depth / 2), greatestDepth) }
    guard !recent.contains(coordinates) else { return }
    recent.insert(coordinates)
    accesses += 1
    let index = stream(for: coordinates, at: time)
    if !streams[index].note(coordinates) { depth = max(depth / 2, Self.firstDepth) }
    streams[index].lastAccess = accesses
    streams[index].lastTime = time
    latest = index
  }

  /// The remote has no such chunk: it is not asked for again.
  package mutating func note(absent coordinates: ChunkCoordinates) {
    absent.insert(coordinates)
    requested.remove(coordinates)
  }

  /// A chunk that `next` gave was evicted before anybody read it.
  package mutating func note(wasted coordinates: ChunkCoordinates) {
    if requested.remove(coordinates) { depth = max(depth / 2, 1) }
  }

  /// A chunk that `next` gave was not fetched (no room, an error, the network gone); it may be given again.
  package mutating func note(failed coordinates: ChunkCoordinates) { requested.remove(coordinates) }

  /// The chunks to fetch now, in the order they will be needed; each is remembered as asked for. To be called after
  /// `note`: it looks ahead of the reader of that access.
  ///
  /// `isWanted` leaves out what the caller has or knows to be absent; it is asked for some chunks more than are returned.
  package mutating func next(
    _ budget: PrefetchBudget, where isWanted: (ChunkCoordinates) -> Bool = { _ in true }
  ) -> [ChunkCoordinates] {
    greatestDepth = max(budget.limit, Self.firstDepth)
    depth = min(depth, greatestDepth)
    guard budget.limit > 0, let latest, streams[latest].isConfident else { return [] }
    if !hasBegun {
      hasBegun = true
      depth = min(max(depth, budget.cover), greatestDepth)
    }
    let stream = streams[latest]
    let readers = streams.count { $0.isConfident && accesses - $0.lastAccess < 64 }
    let ahead = min(depth, max(budget.limit / max(readers, 1), 1))
    var result = [ChunkCoordinates]()
    var counted = 0
    // What is absent or read already costs a step but no place; sparse arrays must not make the search endless.
    var steps = ahead * 4 + 64
    var position = stream.frontier
    while counted < ahead, steps > 0 {
      position += 1
      steps -= 1
      guard let coordinates = stream.model.coordinates(at: position) else { break }
      if absent.contains(coordinates) || recent.contains(coordinates) { continue }
      if requested.contains(coordinates) {
        counted += 1
      } else if isWanted(coordinates) {
        counted += 1
        requested.insert(coordinates)
        result.append(coordinates)
      }
    }
    return result
  }

  /// The stream that foretold the access, else one it lies beside, else a new one in place of the longest idle.
  private mutating func stream(for coordinates: ChunkCoordinates, at time: Int64) -> Int {
    var near: Int?
    var beside: Int?
    for index in streams.indices {
      let stream = streams[index]
      if stream.isConfident {
        switch stream.fit(coordinates) {
        case .exact: return index
        case .near: near = index
        case .none: break
        }
      }
      let awake = time - stream.lastTime < Self.idle
      if stream.isBeside(coordinates, recentOnly: true) || (awake && stream.isBeside(coordinates, recentOnly: false)) {
        if beside.map({ streams[$0].lastAccess < stream.lastAccess }) ?? true { beside = index }
      }
    }
    if let index = near ?? beside { return index }
    if streams.count < Self.streamLimit {
      streams.append(WalkStream(startingAt: coordinates, grid: grid))
      return streams.count - 1
    }
    let oldest = streams.indices.min { streams[$0].lastAccess < streams[$1].lastAccess } ?? 0
    streams[oldest] = WalkStream(startingAt: coordinates, grid: grid)
    return oldest
  }
}
