package import Zarr

/// How readers take an object of which they want parts, however small it is.
package enum PartialReading: Equatable, Sendable {
  /// A shard of which we do not read the index: the ranges that are asked for.
  case ranges
  /// A shard: whole inner chunks, where its index is known.
  case shard(ShardLayout)

  /// Smaller objects are fetched whole whatever they are: a round trip costs more (30 ms at 90 MB/s are 2.7 MB).
  static let smallest: Int64 = 256 << 10

  package var layout: ShardLayout? {
    if case .shard(let layout) = self { return layout }
    return nil
  }
}

/// Inner chunks of one shard, by their numbers in its index.
package struct InnerChunks: Equatable, Sendable {
  package var layout: ShardLayout
  package var numbers: [Int]

  package init(_ layout: ShardLayout, _ numbers: [Int]) {
    self.layout = layout
    self.numbers = numbers
  }
}

/// What came of chunks that were fetched ahead, or were to be.
package enum PrefetchFate: Sendable {
  /// The shard has no such inner chunk.
  case absent
  /// Not fetched, for want of room or of an answer: may be tried again.
  case failed
  /// Fetched, and evicted before anybody read it.
  case wasted
}
