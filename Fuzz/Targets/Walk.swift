import Zarr

/// The first bytes make a grid, the others are accesses. No advice is outside the grid, or given twice unread.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzz(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
  let bytes = Array(UnsafeBufferPointer(start: start, count: count))
  guard bytes.count > 5 else { return 0 }
  let rank = Int(bytes[0] % 4) + 1
  let counts = bytes[1...rank].map { $0 == 255 ? Int64.max : Int64($0 % 40) + 1 }
  guard let grid = ChunkGrid(shape: counts, chunkShape: counts.map { _ in 1 }) else { return 0 }
  var planner = WalkPlanner(grid: grid)
  var outstanding = Set<ChunkCoordinates>()
  var current = [Int64](repeating: 0, count: rank)
  for (time, byte) in bytes[(rank + 1)...].enumerated() {
    let axis = Int(byte & 3) % rank
    switch byte >> 6 {
    case 0: current[axis] &+= Int64(byte >> 2 & 15)
    case 1: current[axis] &-= Int64(byte >> 2 & 15)
    case 2: current[axis] = byte & 4 == 0 ? 0 : counts[axis] - 1
    default:
      if let chunk = outstanding.first {
        byte & 4 == 0 ? planner.note(wasted: chunk) : planner.note(absent: chunk)
        outstanding.remove(chunk)
      }
    }
    current[axis] = min(max(current[axis], 0), counts[axis] - 1)
    planner.note(ChunkCoordinates(current), at: Int64(time) * 300_000_000)
    outstanding.remove(ChunkCoordinates(current))
    for chunk in planner.next(PrefetchBudget(chunks: 12)) {
      precondition(grid.contains(chunk) && outstanding.insert(chunk).inserted)
    }
  }
  return 0
}
