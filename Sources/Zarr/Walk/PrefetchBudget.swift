/// How far ahead of its readers an array may be fetched.
package struct PrefetchBudget: Equatable, Sendable {
  /// Chunks ahead, at most.
  package var chunks: Int
  /// Bytes ahead, at most: what memory and cache allow.
  package var bytes: Int64
  /// Bytes that the line brings in one round trip, as measured: what a walk begins with. 0: not measured.
  package var roundTrip: Int64
  /// What one chunk of the array takes, on average so far; 1 or more.
  package var chunkBytes: Int64

  package init(chunks: Int, bytes: Int64 = .max, roundTrip: Int64 = 0, chunkBytes: Int64 = 1) {
    self.chunks = chunks
    self.bytes = bytes
    self.roundTrip = roundTrip
    self.chunkBytes = chunkBytes
  }

  /// Chunks that the line brings while the first of them is on its way.
  var cover: Int { Int(min((max(roundTrip, 0) + max(chunkBytes, 1) - 1) / max(chunkBytes, 1), Int64(max(chunks, 0)))) }

  var limit: Int { Int(min(Int64(max(chunks, 0)), max(bytes, 0) / max(chunkBytes, 1))) }
}
