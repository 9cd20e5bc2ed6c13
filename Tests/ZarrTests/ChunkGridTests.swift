import Testing
import Zarr

@Suite struct ChunkGridTests {
  @Test func `counts round up`() throws {
    let grid = try #require(ChunkGrid(shape: [375, 180, 360], chunkShape: [15, 50, 72]))
    #expect(grid.counts == [25, 4, 5])
    #expect(grid.total == 500)
    #expect(grid.contains([24, 3, 4]))
    #expect(!grid.contains([25, 0, 0]))
    #expect(!grid.contains([0, -1, 0]))
    #expect(!grid.contains([0, 0]))
    #expect(!grid.contains([0, 0, 0, 0]))
  }

  @Test func `a scalar has one chunk`() throws {
    let grid = try #require(ChunkGrid(shape: [], chunkShape: []))
    #expect(grid.total == 1)
    #expect(grid.contains([]))
    #expect(!grid.contains([0]))
    #expect(grid.linearIndex([]) == 0)
    #expect(grid.coordinates(linearIndex: 0) == [])
  }

  @Test func `an empty array has none`() throws {
    let grid = try #require(ChunkGrid(shape: [.max, 0, .max], chunkShape: [1, 1, 1]))
    #expect(grid.total == 0)
    #expect(!grid.contains([0, 0, 0]))
    #expect(!grid.containsPrefix([0]))
    #expect(!grid.containsPrefix([]))
  }

  @Test func `extremes do not trap`() throws {
    let grid = try #require(ChunkGrid(shape: [.max, .max], chunkShape: [1, .max]))
    #expect(grid.counts == [.max, 1])
    #expect(grid.total == .max)
    #expect(grid.contains([.max - 1, 0]))
    #expect(!grid.contains([.max, 0]))
    let huge = try #require(ChunkGrid(shape: [.max, .max], chunkShape: [1, 1]))
    #expect(huge.total == nil)
    #expect(huge.linearIndex([0, 0]) == nil)
    #expect(huge.contains([.max - 1, .max - 1]))
    #expect(ChunkGrid(shape: [1], chunkShape: [0]) == nil)
    #expect(ChunkGrid(shape: [1], chunkShape: [-1]) == nil)
    #expect(ChunkGrid(shape: [-1], chunkShape: [1]) == nil)
    #expect(ChunkGrid(shape: [1], chunkShape: []) == nil)
    let ones = [Int64](repeating: 1, count: 33)
    #expect(ChunkGrid(shape: ones, chunkShape: ones) == nil)
  }

  @Test func `linear numbers go both ways`() throws {
    let grid = try #require(ChunkGrid(shape: [7, 3, 4], chunkShape: [2, 1, 3]))
    for index in 0..<(grid.total ?? 0) {
      let coordinates = try #require(grid.coordinates(linearIndex: index))
      #expect(grid.linearIndex(coordinates) == index)
    }
    #expect(grid.coordinates(linearIndex: 24) == nil)
    #expect(grid.coordinates(linearIndex: -1) == nil)
    #expect(grid.coordinates(linearIndex: 23) == [3, 2, 1])
  }
}
