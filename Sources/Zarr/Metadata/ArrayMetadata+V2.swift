extension ArrayMetadata {
  /// `.zarray` (Zarr v2 specification, "Arrays: Metadata"). `attributes` is `.zattrs`, where known.
  package init(v2 value: JSONValue, attributes: JSONValue?) throws(MetadataError) {
    guard value["zarr_format"]?.integer == 2 else { throw .unknownFormat }
    let shape = try Self.shape(value["shape"], member: "shape")
    let chunks = try Self.shape(value["chunks"], member: "chunks")
    guard chunks.count == shape.count, !chunks.contains(0) else { throw .invalid(member: "chunks") }

    self.init(
      format: .v2, shape: shape, chunkShape: chunks, keyEncoding: nil,
      dataType: value["dtype"]?.text ?? "", itemSize: value["dtype"].flatMap { DataType.itemSize(v2: $0) },
      fillValue: (value["fill_value"] ?? .null).text)

    switch value["dimension_separator"] {
    case nil, .null: keyEncoding = .v2(.dot)
    case .string(let text): keyEncoding = ChunkSeparator(text).map { .v2($0) }
    default: throw .invalid(member: "dimension_separator")
    }
    for filter in value["filters"]?.array ?? [] { codecs.append(filter["id"]?.string ?? "") }
    if let compressor = value["compressor"], compressor.members != nil {
      codecs.append(compressor["id"]?.string ?? "")
    }
    if let names = attributes?["_ARRAY_DIMENSIONS"]?.array, names.count == shape.count {
      dimensionNames = names.map(\.string)
    }
  }

  static func shape(_ value: JSONValue?, member: String) throws(MetadataError) -> [Int64] {
    guard let shape = value?.integers, shape.allSatisfy({ $0 >= 0 }) else { throw .invalid(member: member) }
    return shape
  }
}
