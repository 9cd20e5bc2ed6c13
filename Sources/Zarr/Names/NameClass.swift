package import Objects

/// What a name under a Zarr node can be. The file system decides by it whom to ask (design.md section 5).
package enum NameClass: Equatable, Sendable {
  /// A metadata document of this format or the other; may or may not exist.
  case metadata(MetadataDocument)
  /// A chunk (or shard) inside the grid; may or may not exist.
  case chunk(ChunkCoordinates)
  /// A directory on the way to chunks inside the grid, with the leading coordinates it stands for: none for `c`.
  case chunkDirectory([Int64])
  /// Shaped as a chunk or a chunk directory but outside the grid: absent, unless a listing shows it.
  case outsideGrid
  /// Any other name in an array, and hidden names in a group: what readers probe for, and what people put beside.
  case sidecar
  /// Any other name in a group: perhaps a node.
  case child
  /// No key has this name.
  case impossible

  /// A name in a group.
  package static func inGroup(_ name: EntryName) -> NameClass {
    guard name.isPresentable else { return .impossible }
    if let document = MetadataDocument(name: name) { return .metadata(document) }
    // v3 reserves names beginning with `__`; `.aux.xml` and `.gmac` are what GDAL asks for beside nodes.
    if name.bytes.first == UInt8(ascii: ".") || name.bytes.starts(with: [0x5F, 0x5F]) { return .sidecar }
    return .child
  }

  /// A name in, or anywhere below, an array that is plain.
  package static func inPlainArray(_ name: EntryName) -> NameClass {
    guard name.isPresentable else { return .impossible }
    if let document = MetadataDocument(name: name) { return .metadata(document) }
    return .sidecar
  }
}
