/// The chunks that some slices of an array touch, in C order, made one at a time.
package struct ChunkSelection: Sequence, Sendable {
  /// Along one axis: the elements `first, first + step, … < end` and the chunk's length.
  private struct Axis: Sendable {
    var first: Int64
    var end: Int64
    var step: Int64
    var chunk: Int64

    var firstChunk: Int64 { first / chunk }

    /// Without the intermediate sum, which may not fit.
    var lastElement: Int64 { first + (end - 1 - first) / step * step }

    var count: Int64 {
      step <= chunk ? lastElement / chunk - firstChunk + 1 : (end - 1 - first) / step + 1
    }

    /// The next chunk that holds an element.
    func chunk(after current: Int64) -> Int64? {
      let last = lastElement / chunk
      guard current < last else { return nil }
      let begin = (current + 1) * chunk
      let steps = (begin - first - 1) / step + 1
      return (first + steps * step) / chunk
    }
  }

  private let axes: [Axis]
  private let isEmpty: Bool

  /// With `ignoringUnknown`, slices of dimensions that this array has not are passed over: a selection of `time` leaves
  /// the other arrays of a group whole. Of two slices of one dimension the last counts.
  package init(
    _ metadata: ArrayMetadata, _ slices: [SliceSelection], ignoringUnknown: Bool = false
  ) throws(SliceSelection.Failure) {
    guard let grid = metadata.layout?.grid else { throw .noGrid }
    var axes = zip(grid.shape, grid.chunkShape).map { Axis(first: 0, end: $0, step: 1, chunk: $1) }
    var isEmpty = grid.total == 0
    for slice in slices {
      guard let axis = slice.axis(in: metadata) else {
        if ignoringUnknown { continue }
        throw .unknownDimension(slice.dimension)
      }
      guard let (first, end, step) = slice.resolved(length: grid.shape[axis]) else {
        isEmpty = true
        continue
      }
      axes[axis] = Axis(first: first, end: end, step: step, chunk: grid.chunkShape[axis])
    }
    self.axes = axes
    self.isEmpty = isEmpty
  }

  /// How many chunks; nil where the number does not fit.
  package var count: Int64? { isEmpty ? 0 : checkedProduct(axes.map(\.count)) }

  package func makeIterator() -> Iterator { Iterator(self) }

  package struct Iterator: IteratorProtocol {
    private let axes: [Axis]
    private var upcoming: ChunkCoordinates?

    fileprivate init(_ selection: ChunkSelection) {
      axes = selection.axes
      upcoming = selection.isEmpty ? nil : ChunkCoordinates(axes.map(\.firstChunk))
    }

    package mutating func next() -> ChunkCoordinates? {
      guard let current = upcoming else { return nil }
      upcoming = nil
      var following = current
      for axis in axes.indices.reversed() {
        if let chunk = axes[axis].chunk(after: current[axis]) {
          following[axis] = chunk
          upcoming = following
          break
        }
        following[axis] = axes[axis].firstChunk
      }
      return current
    }
  }
}
