extension ArrayMetadata {
  /// `zarr.json` of an array (Zarr v3 core specification, "Array metadata"). Requires that `zarr_format` and `node_type`
  /// have been looked at.
  init(v3 value: JSONValue) throws(MetadataError) {
    let shape = try Self.shape(value["shape"], member: "shape")
    self.init(
      format: .v3, shape: shape, chunkShape: nil, keyEncoding: .default(.slash),
      dataType: value["data_type"]?.text ?? "", itemSize: value["data_type"].flatMap { DataType.itemSize(v3: $0) },
      fillValue: (value["fill_value"] ?? .null).text,
      hasUnknownExtension: Self.hasUnknownExtension(value))

    guard let grid = value["chunk_grid"], let gridName = Self.name(of: grid) else {
      throw .invalid(member: "chunk_grid")
    }
    if gridName == "regular" {
      let chunks = try Self.shape(grid["configuration"]?["chunk_shape"], member: "chunk_shape")
      guard chunks.count == shape.count, !chunks.contains(0) else { throw .invalid(member: "chunk_shape") }
      chunkShape = chunks
    }
    if let encoding = value["chunk_key_encoding"] { keyEncoding = try Self.keyEncoding(encoding) }

    guard let codecs = value["codecs"]?.array else { throw .invalid(member: "codecs") }
    self.codecs = codecs.map { Self.name(of: $0) ?? "" }
    // A codec before the shard would permute its axes, one after it would move its bytes.
    if codecs.count == 1, self.codecs[0] == "sharding_indexed", let chunkShape,
      let configuration = codecs[0]["configuration"]
    {
      sharding = try ShardLayout(configuration, shardShape: chunkShape)
    }
    if let names = value["dimension_names"]?.array, names.count == shape.count {
      dimensionNames = names.map(\.string)
    }
  }

  /// An extension point is `{"name": …, "configuration": …}`, or since 3.1 the name alone.
  static func name(of value: JSONValue) -> String? { value.string ?? value["name"]?.string }

  private static func keyEncoding(_ value: JSONValue) throws(MetadataError) -> ChunkKeyEncoding? {
    guard let name = name(of: value) else { throw .invalid(member: "chunk_key_encoding") }
    let separator = value["configuration"]?["separator"]
    guard separator == nil || separator?.string != nil else { throw .invalid(member: "separator") }
    switch name {
    case "default": return ChunkSeparator(separator?.string ?? "/").map { .default($0) }
    case "v2": return ChunkSeparator(separator?.string ?? ".").map { .v2($0) }
    default: return nil
    }
  }

  private static let knownMembers: Set<String> = [
    "zarr_format", "node_type", "shape", "data_type", "chunk_grid", "chunk_key_encoding", "fill_value", "codecs",
    "attributes", "dimension_names", "storage_transformers", "consolidated_metadata",
  ]

  /// Core specification, "Extension points": a member that is not known and does not say `"must_understand": false`
  /// must be understood. Storage transformers map keys and values; none is known.
  private static func hasUnknownExtension(_ value: JSONValue) -> Bool {
    if let transformers = value["storage_transformers"], !transformers.isNull, transformers != .array([]) {
      return true
    }
    for member in value.members ?? [] where !knownMembers.contains(member.name) {
      if member.value.isNull || member.value == .array([]) { continue }
      if member.value["must_understand"]?.bool != false { return true }
    }
    return false
  }
}
