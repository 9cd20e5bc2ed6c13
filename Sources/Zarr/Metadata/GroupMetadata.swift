/// A group: `.zgroup` of v2, `zarr.json` with `node_type` `group` of v3.
package struct GroupMetadata: Equatable, Sendable {
  package var format: ZarrFormat
  /// v3: what stands inline under `consolidated_metadata`; nil where there is none or it is not understood.
  package var consolidated: ConsolidatedMetadata?

  package init(format: ZarrFormat, consolidated: ConsolidatedMetadata? = nil) {
    self.format = format
    self.consolidated = consolidated
  }

  package init(v2 value: JSONValue) throws(MetadataError) {
    guard value["zarr_format"]?.integer == 2 else { throw .unknownFormat }
    self.init(format: .v2)
  }

  /// Requires that `zarr_format` and `node_type` have been looked at.
  init(v3 value: JSONValue, nested: Bool) throws(MetadataError) {
    self.init(format: .v3)
    guard nested, let inline = value["consolidated_metadata"], inline.members != nil else { return }
    consolidated = try? ConsolidatedMetadata(inline: inline)
  }
}
