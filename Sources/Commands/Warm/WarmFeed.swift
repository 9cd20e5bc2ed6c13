import Zarr

/// The selected chunks of several arrays, one at a time. Pure.
struct WarmFeed: Sendable {
  struct Chunk: Equatable, Sendable {
    /// Number of the array.
    var array: Int
    var coordinates: ChunkCoordinates
  }

  private let arrays: [(number: Int, selection: ChunkSelection)]
  private var index = 0
  private var iterator: ChunkSelection.Iterator?

  /// Of those arrays whose number is in `numbers`.
  init(_ arrays: [WarmArray], numbers: [Int]) {
    self.arrays = numbers.map { ($0, arrays[$0].selection) }
  }

  mutating func next() -> Chunk? {
    while index < arrays.count {
      var chunks = iterator ?? arrays[index].selection.makeIterator()
      let chunk = chunks.next()
      iterator = chunks
      if let chunk { return Chunk(array: arrays[index].number, coordinates: chunk) }
      index += 1
      iterator = nil
    }
    return nil
  }
}
