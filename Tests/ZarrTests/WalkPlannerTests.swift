import Testing
import Zarr

/// The orders are those of readers.md section 2; the array is its `air`, 25 x 4 x 5 chunks, unless told otherwise.
@Suite struct WalkPlannerTests {
  static let air: [Int64] = [25, 4, 5]

  /// "9.3.4" before "9.3.3" … before "10.…": the reverse order of strings.
  static var dask: [ChunkCoordinates] {
    box(air).sorted { first, second in
      first.values.map(String.init).joined(separator: ".") > second.values.map(String.init).joined(separator: ".")
    }
  }

  static func interleaved(_ streams: [[ChunkCoordinates]]) -> [ChunkCoordinates] {
    (0..<(streams.map(\.count).max() ?? 0)).flatMap { step in
      streams.compactMap { step < $0.count ? $0[step] : nil }
    }
  }

  struct Order: CustomTestStringConvertible, Sendable {
    var testDescription: String
    var counts: [Int64] = air
    var order: [ChunkCoordinates]
    /// At least so many of the reads find their chunk fetched.
    var coverage: Double
    /// At most so many chunks fetched in vain.
    var waste = 0
  }

  static let scans: [Order] = [
    Order(testDescription: "zarr-python 2, GDAL, netCDF: ascending", order: box(air), coverage: 0.99),
    Order(testDescription: "zarr-python 3: ten at a time", order: shuffled(box(air), by: 10, seed: 1), coverage: 0.96),
    Order(testDescription: "tensorstore: four in flight", order: jittered(box(air), by: 4, seed: 2), coverage: 0.96),
    Order(testDescription: "whole shards descending", order: box(air).reversed(), coverage: 0.99),
    Order(testDescription: "dask: reverse order of strings", order: dask, coverage: 0.98),
    Order(testDescription: "dask on two threads", order: jittered(dask, by: 2, seed: 3), coverage: 0.97),
    Order(
      testDescription: "zarrs: one ascending stream per thread",
      order: interleaved([Array(box(air)[..<250]), Array(box(air)[250...])]), coverage: 0.97),
    Order(
      testDescription: "four threads", counts: [100, 4, 5],
      order: interleaved((0..<4).map { Array(box([100, 4, 5])[($0 * 500)..<($0 * 500 + 500)]) }), coverage: 0.98),
    Order(
      testDescription: "Fortran order", order: box([5, 4, 25]).map { [$0[2], $0[1], $0[0]] }, coverage: 0.98),
    Order(testDescription: "one axis", counts: [500], order: box([500]), coverage: 0.99),
    Order(
      testDescription: "one axis, ten at a time", counts: [500], order: shuffled(box([500]), by: 10, seed: 6),
      coverage: 0.96),
    Order(
      testDescription: "planes beyond the memory", counts: [4, 30, 30], order: box([4, 30, 30]), coverage: 0.99),
    Order(
      testDescription: "planes beyond the memory, shuffled", counts: [4, 30, 30],
      order: shuffled(box([4, 30, 30]), by: 10, seed: 5), coverage: 0.99),
  ]

  @Test(arguments: scans)
  func `whole arrays`(order: Order) {
    var script = WalkScript(order.counts)
    script.access(order.order)
    #expect(script.coverage >= order.coverage)
    #expect(script.waste == 0)
    #expect(script.needless == 0)
  }

  static let slabs: [Order] = [
    Order(
      testDescription: "60 steps of time, 2 x 2 chunks each", counts: [100, 4, 5],
      order: box([Array(0..<60), [1, 2], [1, 2]]), coverage: 0.97, waste: 36),
    Order(
      testDescription: "the same, four at a time", counts: [100, 4, 5],
      order: shuffled(box([Array(0..<60), [1, 2], [1, 2]]), by: 4, seed: 4), coverage: 0.95, waste: 36),
    Order(
      testDescription: "the same, backwards", counts: [100, 4, 5],
      order: box([Array((0..<60).reversed()), [1, 2], [1, 2]]), coverage: 0.95, waste: 10),
    Order(
      testDescription: "one point in time", counts: [100, 4, 5], order: box([Array(0..<60), [1], [2]]), coverage: 0.94,
      waste: 36),
    Order(
      testDescription: "every third step", counts: [100, 4, 5],
      order: box([Array(stride(from: 0, to: 100, by: 3)), [1], [2]]), coverage: 0.9, waste: 0),
    Order(
      testDescription: "every third step, backwards", counts: [100, 4, 5],
      order: box([Array(stride(from: 99, through: 0, by: -3)), [1, 2], [2]]), coverage: 0.9, waste: 4),
    Order(
      testDescription: "a box inside", counts: [50, 20, 20], order: box([Array(10..<20), Array(5..<9), Array(7..<18)]),
      coverage: 0.97, waste: 80),
    Order(
      testDescription: "the last axis with others fixed, five dimensions", counts: [2, 3, 1, 40, 60],
      order: box([[1], [2], [0], [17], Array(3..<50)]), coverage: 0.9, waste: 36),
  ]

  @Test(arguments: slabs)
  func `parts of arrays`(order: Order) {
    var script = WalkScript(order.counts)
    script.access(order.order)
    #expect(script.coverage >= order.coverage)
    #expect(script.waste <= order.waste)
    #expect(script.needless == 0)
  }

  @Test(arguments: [[8, 8, 8], [25, 4, 5], [1000], [64], [20, 24], [100, 100], [1000, 1000]] as [[Int64]])
  func `random access is left alone, sorted too`(counts: [Int64]) {
    for sorted in [false, true] { randomAccess(counts, sorted: sorted) }
  }

  func randomAccess(_ counts: [Int64], sorted: Bool) {
    var reads = 0
    var fetched = 0
    for seed in UInt64(0)..<16 {
      var generator = SplitMix64(seed: seed)
      let total = counts.reduce(1, *)
      var chosen = Set<Int64>()
      while chosen.count < min(200, Int(total) / 8) { chosen.insert(Int64.random(in: 0..<total, using: &generator)) }
      let grid = ChunkGrid(shape: counts, chunkShape: counts.map { _ in 1 })
      var script = WalkScript(counts)
      let order = sorted ? chosen.sorted() : chosen.sorted().shuffled(using: &generator)
      script.access(order.compactMap { grid?.coordinates(linearIndex: $0) })
      reads += script.reads
      fetched += script.fetched.count
      // An unlucky run of neighbours may start something, once.
      #expect(script.fetched.count <= max(script.reads / (sorted ? 3 : 10), 6))
    }
    // Bytes moved at most 1.3 times the bytes wanted is the promise; this is 1.02, and 1.1 where sorting, or an array so
    // small that chance often looks like a walk, makes neighbours.
    #expect(fetched * (sorted || counts.reduce(1, *) < 256 ? 10 : 50) <= reads)
  }

  @Test func `a walk begins at the third access`() {
    var script = WalkScript([1000])
    script.access([[10], [11]])
    #expect(script.fetched.isEmpty)
    script.access([12])
    #expect(script.fetched == [[13], [14]])
  }

  @Test func `a reader who turns to another part is followed`() {
    var script = WalkScript([100, 40, 40])
    script.access(box([Array(0..<30), [1], [2]]))
    script.access(box([Array(0..<30), [30], [30]]))
    #expect(script.coverage >= 0.9)
    script.access(box([[70], [5], Array(0..<40)]))
    #expect(script.coverage > 0.9)
  }

  @Test func `threads begin again over an array read before`() {
    var script = WalkScript(Self.air)
    script.budget = PrefetchBudget(chunks: 0)
    script.access(box(Self.air))
    script.pause(seconds: 60)
    var planner = script.planner
    var asked = Set<ChunkCoordinates>()
    var hits = 0
    let all = box(Self.air)
    for step in 0..<250 {
      for coordinates in [all[step], all[250 + step]] {
        if asked.contains(coordinates) { hits += 1 }
        planner.note(coordinates, at: script.time + Int64(step) * 1_000_000)
        asked.formUnion(planner.next(PrefetchBudget(chunks: 16)))
      }
    }
    #expect(hits > 430)
  }

  @Test func `depth grows with use, within the budget, and halves with waste`() {
    var script = WalkScript([10_000])
    script.budget = PrefetchBudget(chunks: 100, bytes: 16_000, chunkBytes: 1000)
    script.access(box([Array(0..<40)]))
    #expect(script.planner.depth == 16)
    #expect(script.fetched.count == 38 - 1 + 16)
    let ahead = script.fetched.suffix(16)
    for coordinates in ahead.prefix(2) { script.planner.note(wasted: coordinates) }
    #expect(script.planner.depth == 4)
    script.planner.note(wasted: [9999])
    #expect(script.planner.depth == 4)
    for coordinates in ahead { script.planner.note(wasted: coordinates) }
    #expect(script.planner.depth == 1)
  }

  @Test func `two readers share the budget`() {
    var script = WalkScript([100, 100])
    script.budget = PrefetchBudget(chunks: 8)
    let a = box([[0], Array(0..<40)])
    let b = box([[50], Array(0..<40)])
    script.access(Self.interleaved([a, b]))
    #expect(script.coverage > 0.9)
    let ahead = Set(script.fetched).subtracting(script.read)
    #expect(ahead.count <= 9)
    #expect(ahead.contains([0, 40]) && ahead.contains([50, 40]))
  }

  @Test func `nothing with no budget`() {
    var script = WalkScript([100])
    script.budget = PrefetchBudget(chunks: 0)
    script.access(box([50]))
    script.budget = PrefetchBudget(chunks: 10, bytes: 5, chunkBytes: 10)
    script.access(box([Array(50..<60)]))
    #expect(script.fetched.isEmpty)
  }

  @Test func `what failed may be asked for again, what is absent never`() {
    var script = WalkScript([100])
    script.access([[0], [1], [2]])
    #expect(script.fetched == [[3], [4]])
    script.planner.note(failed: [3])
    script.planner.note(absent: [4])
    script.planner.note([1], at: script.time)
    let again = script.planner.next(script.budget)
    #expect(again == [[3], [5]])
  }

  @Test func `a sparse array costs no chunk that a listing leaves out`() {
    var script = WalkScript([1000])
    var fetched = [ChunkCoordinates]()
    for index in Int64(0)..<300 {
      script.planner.note([index], at: 0)
      fetched += script.planner.next(PrefetchBudget(chunks: 8), where: { $0[0] % 10 == 0 })
    }
    #expect(fetched.allSatisfy { $0[0] % 10 == 0 })
    #expect(Set(fetched).count == fetched.count)
    #expect(fetched.count > 25)
  }

  @Test func `accesses outside the grid and of scalars are ignored`() {
    var script = WalkScript([4])
    script.access([[0], [1], [9], [-1], [.max], [2]])
    #expect(script.fetched == [[3]])
    var scalar = WalkScript([])
    scalar.access([[], []])
    #expect(scalar.fetched.isEmpty)
  }

  @Test func `any script of accesses is survived, and no advice is outside, twice or known`() {
    var generator = SplitMix64(seed: 2026)
    for _ in 0..<60 {
      let rank = Int.random(in: 1...5, using: &generator)
      let counts = (0..<rank).map { _ in
        Bool.random(using: &generator)
          ? Int64.random(in: 1...6, using: &generator) : .max / Int64.random(in: 1...9, using: &generator)
      }
      var script = WalkScript(counts)
      var current = counts.map { Int64.random(in: 0..<$0, using: &generator) }
      for _ in 0..<150 {
        let axis = Int.random(in: 0..<rank, using: &generator)
        switch Int.random(in: 0..<12, using: &generator) {
        case 0: current = counts.map { Int64.random(in: 0..<$0, using: &generator) }
        case 1: current[axis] = counts[axis] - 1
        case 2: current[axis] = 0
        case 3: script.pause(seconds: 3)
        default: current[axis] = min(current[axis] + 1, counts[axis] - 1)
        }
        script.access([ChunkCoordinates(current)])
      }
      #expect(script.needless == 0)
    }
  }

  @Test func `the deepest rank`() {
    let counts = [Int64](repeating: 2, count: 32)
    var script = WalkScript(counts)
    var index: Int64 = 0
    while index < 200 {
      if let coordinates = script.planner.grid.coordinates(linearIndex: index) { script.access(coordinates) }
      index += 1
    }
    #expect(script.coverage > 0.9)
  }
}
