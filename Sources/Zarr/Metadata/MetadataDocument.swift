package import Objects

/// The documents that make a directory a Zarr node, by their names.
package enum MetadataDocument: Hashable, Sendable, CaseIterable {
  /// `.zarray`
  case arrayV2
  /// `.zgroup`
  case groupV2
  /// `.zattrs`
  case attributesV2
  /// `.zmetadata`
  case consolidatedV2
  /// `zarr.json`: an array or a group, the latter perhaps with its consolidated metadata.
  case nodeV3

  package var name: EntryName {
    switch self {
    case .arrayV2: ".zarray"
    case .groupV2: ".zgroup"
    case .attributesV2: ".zattrs"
    case .consolidatedV2: ".zmetadata"
    case .nodeV3: "zarr.json"
    }
  }

  package var format: ZarrFormat { self == .nodeV3 ? .v3 : .v2 }

  package init?(name: EntryName) { self.init(bytes: name.bytes) }

  /// By the bytes of the name; most names are told from these five by their length.
  package init?(bytes: [UInt8]) {
    switch bytes.count {
    case 7 where bytes == Self.zarray: self = .arrayV2
    case 7 where bytes == Self.zgroup: self = .groupV2
    case 7 where bytes == Self.zattrs: self = .attributesV2
    case 9 where bytes == Self.zarrJSON: self = .nodeV3
    case 10 where bytes == Self.zmetadata: self = .consolidatedV2
    default: return nil
    }
  }

  private static let zarray = Array(".zarray".utf8)
  private static let zgroup = Array(".zgroup".utf8)
  private static let zattrs = Array(".zattrs".utf8)
  private static let zmetadata = Array(".zmetadata".utf8)
  private static let zarrJSON = Array("zarr.json".utf8)
}
