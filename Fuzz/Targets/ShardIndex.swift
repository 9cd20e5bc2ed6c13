import Objects
import Zarr

/// The first bytes choose the layout, the rest is the index. Nothing given leads outside the shard.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzz(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
  let bytes = Array(UnsafeBufferPointer(start: start, count: count))
  guard bytes.count > 4 else { return 0 }
  let flags = bytes[0]
  let shardSize = Int64(bytes[1]) << 8 | Int64(bytes[2])
  let index = Array(bytes[4...])
  let chunks = Int64(max(index.count / 16, 1))
  guard
    let layout = ShardLayout(
      shardShape: [chunks], innerChunkShape: [1], indexAtStart: flags & 1 == 1, hasChecksum: flags & 2 == 2,
      isBigEndian: flags & 4 == 4),
    let shard = ShardIndex(Array(index.prefix(Int(layout.indexSize))), layout: layout, shardSize: shardSize)
  else { return 0 }
  let whole = 0..<shardSize
  for number in -1...layout.total {
    if case .bytes(let range) = shard.innerChunk(number) { precondition(range.clamped(to: whole) == range) }
    _ = shard.neighbours(after: number, count: 3)
  }
  let from = Int64(bytes[3]) * 256
  var end: Int64 = -1
  for range in shard.ranges(toRead: from..<(from + 1000), gap: 10, spill: 16) {
    precondition(range.lowerBound > end && range.clamped(to: whole) == range && !range.isEmpty)
    end = range.upperBound
  }
  return 0
}
