import Zarr

/// A selection's count is what its iterator gives, and all of it is inside the grid.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzz(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
  let text = String(decoding: UnsafeBufferPointer(start: start, count: count), as: UTF8.self)
  let slices = text.split(separator: " ").compactMap { try? SliceSelection(parsing: String($0)) }
  for shape in [[7, 100], [Int64.max, 3]] as [[Int64]] {
    let array = ArrayMetadata(
      format: .v3, shape: shape, chunkShape: [2, 9], keyEncoding: .default(.slash), dimensionNames: ["t", "x"])
    guard let selection = try? ChunkSelection(array, slices, ignoringUnknown: true), let layout = array.layout else {
      continue
    }
    var found: Int64 = 0
    for coordinates in selection.prefix(1000) {
      precondition(layout.grid.contains(coordinates))
      found += 1
    }
    if let count = selection.count { precondition(found == min(count, 1000)) }
  }
  return 0
}
