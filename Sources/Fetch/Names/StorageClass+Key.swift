package import Objects

extension StorageClass {
  /// The names that both Zarr formats give their documents.
  package static let documentNames: Set<EntryName> = [".zarray", ".zgroup", ".zattrs", ".zmetadata", "zarr.json"]
  /// Documents are below; what is above only has the name.
  package static let documentLimit: Int64 = 1 << 20

  /// What can be told from the name: metadata, or else a chunk like any other object.
  package init(of key: ObjectKey, size: Int64) {
    let start = key.bytes.lastIndex(of: UInt8(ascii: "/")).map { $0 + 1 } ?? 0
    // Longer names are not looked at: this is on the path of each READ.
    let length = key.bytes.count - start
    guard size < Self.documentLimit, (7...10).contains(length) else {
      self = .chunk
      return
    }
    self = Self.documentNames.contains(EntryName(bytes: Array(key.bytes[start...]))) ? .metadata : .chunk
  }
}
