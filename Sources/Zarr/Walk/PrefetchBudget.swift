/// How far ahead of its readers an array may be fetched.
package struct PrefetchBudget: Equatable, Sendable {
  /// Chunks ahead, at most.
  package var chunks: Int
  /// Bytes ahead, at most: bandwidth times delay as measured, or what memory and cache allow.
  package var bytes: Int64
  /// What one chunk of the array takes, on average so far; 1 or more.
  package var chunkBytes: Int64

  package init(chunks: Int, bytes: Int64 = .max, chunkBytes: Int64 = 1) {
    self.chunks = chunks
    self.bytes = bytes
    self.chunkBytes = chunkBytes
  }

  var limit: Int { Int(min(Int64(max(chunks, 0)), max(bytes, 0) / max(chunkBytes, 1))) }
}
