/// What a directory is, by its own document or by a line of consolidated metadata.
package enum NodeMetadata: Equatable, Sendable {
  case array(ArrayMetadata)
  case group(GroupMetadata)

  package var array: ArrayMetadata? {
    if case .array(let array) = self { return array }
    return nil
  }

  package var group: GroupMetadata? {
    if case .group(let group) = self { return group }
    return nil
  }

  package var format: ZarrFormat {
    switch self {
    case .array(let array): array.format
    case .group(let group): group.format
    }
  }

  /// Reads `.zarray`, `.zgroup` or `zarr.json`. `attributes` are the bytes of `.zattrs`, for the dimension names of v2;
  /// where they are not JSON they are taken for absent.
  package static func parse(
    _ document: MetadataDocument, bytes: [UInt8], attributes: [UInt8]? = nil
  ) throws(MetadataError) -> NodeMetadata {
    let value = try JSONParser.parse(bytes)
    switch document {
    case .arrayV2:
      var tree: JSONValue?
      if let attributes { tree = try? JSONParser.parse(attributes) }
      return .array(try ArrayMetadata(v2: value, attributes: tree))
    case .groupV2: return .group(try GroupMetadata(v2: value))
    case .nodeV3: return try NodeMetadata(v3: value)
    case .attributesV2, .consolidatedV2: throw .invalid(member: "node")
    }
  }

  /// `nested` is false for a line of consolidated metadata, where an inner group's own copy would be the same again.
  package init(v3 value: JSONValue, nested: Bool = true) throws(MetadataError) {
    guard value["zarr_format"]?.integer == 3 else { throw .unknownFormat }
    switch value["node_type"]?.string {
    case "array": self = .array(try ArrayMetadata(v3: value))
    case "group": self = .group(try GroupMetadata(v3: value, nested: nested))
    default: throw .invalid(member: "node_type")
    }
  }
}
