/// A regular grid: the shape of an array and of its chunks, and so how many there are along each axis.
package struct ChunkGrid: Equatable, Sendable {
  /// Ranks above are legal Zarr but not NumPy; such an array is plain.
  package static let maximumRank = 32

  /// In elements.
  package let shape: [Int64]
  package let chunkShape: [Int64]
  /// Chunks along each axis; the last one may reach beyond the shape.
  package let counts: [Int64]
  /// Chunks in all, 1 for a scalar; nil where the product does not fit 63 bits.
  package let total: Int64?

  /// nil if the ranks differ or exceed 32, a length is negative, or a chunk is not positive.
  package init?(shape: [Int64], chunkShape: [Int64]) {
    guard shape.count == chunkShape.count, shape.count <= Self.maximumRank else { return nil }
    guard shape.allSatisfy({ $0 >= 0 }), chunkShape.allSatisfy({ $0 > 0 }) else { return nil }
    self.shape = shape
    self.chunkShape = chunkShape
    counts = zip(shape, chunkShape).map { length, chunk in length / chunk + (length % chunk == 0 ? 0 : 1) }
    total = checkedProduct(counts)
  }

  package var rank: Int { shape.count }

  package func contains(_ coordinates: ChunkCoordinates) -> Bool {
    coordinates.rank == rank && containsPrefix(coordinates.values)
  }

  /// Whether some chunk's coordinates begin with these.
  package func containsPrefix(_ values: [Int64]) -> Bool {
    guard values.count <= rank else { return false }
    for axis in 0..<values.count {
      guard values[axis] >= 0, values[axis] < counts[axis] else { return false }
    }
    for axis in values.count..<rank where counts[axis] == 0 { return false }
    return true
  }

  /// The number of a chunk in C order. nil outside the grid, or where `total` is nil.
  package func linearIndex(_ coordinates: ChunkCoordinates) -> Int64? {
    guard total != nil, contains(coordinates) else { return nil }
    var index: Int64 = 0
    for axis in 0..<rank { index = index * counts[axis] + coordinates[axis] }
    return index
  }

  /// The inverse of `linearIndex`.
  package func coordinates(linearIndex: Int64) -> ChunkCoordinates? {
    guard let total, linearIndex >= 0, linearIndex < total else { return nil }
    var values = [Int64](repeating: 0, count: rank)
    var rest = linearIndex
    for axis in (0..<rank).reversed() {
      values[axis] = rest % counts[axis]
      rest /= counts[axis]
    }
    return ChunkCoordinates(values)
  }
}
