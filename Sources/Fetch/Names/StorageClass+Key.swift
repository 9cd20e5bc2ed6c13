package import Objects

extension StorageClass {
  /// The names that both Zarr formats give their documents.
  package static let documentNames: Set<EntryName> = [".zarray", ".zgroup", ".zattrs", ".zmetadata", "zarr.json"]
  /// Documents are below; what is above only has the name.
  package static let documentLimit: Int64 = 1 << 20

  /// What can be told from the name: metadata, or else a chunk like any other object.
  package init(of key: ObjectKey, size: Int64) {
    self = size < Self.documentLimit && Self.isDocument(key) ? .metadata : .chunk
  }

  /// Whether the key's last component is the name of a metadata document of either format.
  package static func isDocument(_ key: ObjectKey) -> Bool {
    let start = key.bytes.lastIndex(of: UInt8(ascii: "/")).map { $0 + 1 } ?? 0
    // Longer names are not looked at: this is on the path of each READ.
    guard (7...10).contains(key.bytes.count - start) else { return false }
    return documentNames.contains(EntryName(bytes: Array(key.bytes[start...])))
  }
}
