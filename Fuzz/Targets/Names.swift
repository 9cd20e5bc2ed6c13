import Objects
import Zarr

/// A key that decodes is what its coordinates encode to.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzz(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
  let bytes = Array(UnsafeBufferPointer(start: start, count: count))
  guard let first = bytes.first else { return 0 }
  let key = Array(bytes.dropFirst())
  let rank = Int(first % 34)
  for encoding in [ChunkKeyEncoding.v2(.dot), .v2(.slash), .default(.dot), .default(.slash)] {
    if let coordinates = encoding.coordinates(key, rank: rank) { precondition(encoding.key(coordinates) == key) }
    let ones = [Int64](repeating: 1, count: rank)
    let array = ArrayMetadata(
      format: .v3, shape: ones.map { $0 * 12 }, chunkShape: ones, keyEncoding: encoding)
    guard let layout = array.layout else { continue }
    let slash = key.lastIndex(of: UInt8(ascii: "/"))
    let prefix = Array(key[..<(slash ?? 0)])
    let name = EntryName(bytes: Array(key[(slash.map { $0 + 1 } ?? 0)...]))
    if case .chunk(let coordinates) = layout.classify(prefix: prefix, name: name) {
      precondition(layout.grid.contains(coordinates) && (layout.key(coordinates) == key || slash == 0))
    }
    _ = NameClass.inGroup(name)
  }
  return 0
}
