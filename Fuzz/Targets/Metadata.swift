import Objects
import Zarr

/// Every document's reader on the same bytes, and all that is computed from what it gives.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzz(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
  let bytes = Array(UnsafeBufferPointer(start: start, count: count))
  for document in MetadataDocument.allCases {
    guard let node = try? NodeMetadata.parse(document, bytes: bytes, attributes: bytes) else { continue }
    if let array = node.array { visit(array) }
    if let consolidated = node.group?.consolidated { visit(consolidated) }
  }
  if let consolidated = try? ConsolidatedMetadata.parse(bytes) { visit(consolidated) }
  return 0
}

private func visit(_ consolidated: ConsolidatedMetadata) {
  for node in consolidated.nodes {
    precondition(node.path.isDirectory)
    if let array = node.metadata.array {
      _ = array.isCoordinate(at: node.path)
      visit(array)
    }
  }
}

private func visit(_ array: ArrayMetadata) {
  _ = array.chunkBytes
  guard let layout = array.layout else { return }
  let first = ChunkCoordinates(layout.grid.shape.map { _ in 0 })
  let last = ChunkCoordinates(layout.grid.counts.map { $0 - 1 })
  for coordinates in [first, last] where layout.grid.contains(coordinates) {
    precondition(layout.coordinates(layout.key(coordinates)) == coordinates)
    precondition(layout.classify(key: layout.key(coordinates)) == .chunk(coordinates))
    guard let sharding = layout.sharding else { continue }
    for index in [0, sharding.total - 1] {
      guard let inner = layout.innerCoordinates(shard: coordinates, index: index) else { continue }
      guard let place = layout.shard(ofInner: inner) else { fatalError("an inner chunk without a shard") }
      precondition(place.shard == coordinates && place.index == index)
    }
  }
  if let selection = try? ChunkSelection(array, []) { for _ in selection.prefix(10) {} }
}
