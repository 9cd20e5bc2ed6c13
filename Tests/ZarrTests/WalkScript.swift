import Zarr

/// A reader's accesses played to a planner, with what came of the planner's advice.
struct WalkScript {
  var planner: WalkPlanner
  var budget = PrefetchBudget(chunks: 32)
  private(set) var time: Int64 = 0
  private(set) var reads = 0
  private(set) var read: Set<ChunkCoordinates> = []
  private(set) var fetched: [ChunkCoordinates] = []
  /// Reads of chunks that had been fetched before they were asked for.
  private(set) var hits = 0
  /// Chunks that the remote does not have: the reader asks, and fetching ahead finds nothing.
  var missing: Set<ChunkCoordinates> = []
  /// Returned although read, fetched, missing or outside before: must stay 0.
  private(set) var needless = 0
  private var known: Set<ChunkCoordinates> = []
  private var ahead: Set<ChunkCoordinates> = []

  init(_ counts: [Int64]) {
    // Chunks of one element.
    planner = WalkPlanner(grid: ChunkGrid(shape: counts, chunkShape: counts.map { _ in 1 })!)
  }

  mutating func access(_ coordinates: ChunkCoordinates) {
    time += 1_000_000
    reads += 1
    if ahead.contains(coordinates), !read.contains(coordinates) { hits += 1 }
    read.insert(coordinates)
    planner.note(coordinates, at: time)
    known.insert(coordinates)
    if missing.contains(coordinates) { planner.note(absent: coordinates) }
    let before = known
    for next in planner.next(budget, where: { !before.contains($0) }) {
      if !known.insert(next).inserted || !planner.grid.contains(next) { needless += 1 }
      fetched.append(next)
      ahead.insert(next)
      if missing.contains(next) { planner.note(absent: next) }
    }
  }

  mutating func access(_ all: [ChunkCoordinates]) { for coordinates in all { access(coordinates) } }

  mutating func pause(seconds: Int64) { time += seconds * 1_000_000_000 }

  /// Fetched and never read.
  var waste: Int { ahead.subtracting(read).count }
  /// Of the reads, how many found their chunk fetched ahead.
  var coverage: Double { Double(hits) / Double(max(reads, 1)) }
}

/// All coordinates of a box in C order.
func box(_ ranges: [[Int64]]) -> [ChunkCoordinates] {
  ranges.reduce([ChunkCoordinates([])]) { all, values in
    all.flatMap { head in values.map { ChunkCoordinates(head.values + [$0]) } }
  }
}

func box(_ counts: [Int64]) -> [ChunkCoordinates] { box(counts.map { Array(0..<$0) }) }

/// Blocks of `size` at a time, each in random order: as asynchronous readers ask.
func shuffled(_ order: [ChunkCoordinates], by size: Int, seed: UInt64) -> [ChunkCoordinates] {
  var generator = SplitMix64(seed: seed)
  return stride(from: 0, to: order.count, by: size).flatMap { start in
    order[start..<min(start + size, order.count)].shuffled(using: &generator)
  }
}

/// A pool of `size` in flight out of which any may come next: a sliding disorder.
func jittered(_ order: [ChunkCoordinates], by size: Int, seed: UInt64) -> [ChunkCoordinates] {
  var generator = SplitMix64(seed: seed)
  var pool = [ChunkCoordinates]()
  var result = [ChunkCoordinates]()
  for coordinates in order {
    pool.append(coordinates)
    if pool.count >= size { result.append(pool.remove(at: Int.random(in: 0..<pool.count, using: &generator))) }
  }
  while !pool.isEmpty { result.append(pool.remove(at: Int.random(in: 0..<pool.count, using: &generator))) }
  return result
}
