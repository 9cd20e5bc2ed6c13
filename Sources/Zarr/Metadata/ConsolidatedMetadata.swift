package import Objects

/// The nodes below a group as one document tells them: `.zmetadata` of v2, or inline in `zarr.json` of v3
/// (zarr-python's convention, `consolidated_metadata.kind` = `inline`).
///
/// A hint for what to fetch and show, never an answer about existence: the documents may have changed since.
package struct ConsolidatedMetadata: Equatable, Sendable {
  package struct Node: Equatable, Sendable {
    /// Relative to the group that holds the document, with a slash at the end; empty for that group.
    package var path: ObjectKey
    package var metadata: NodeMetadata

    package init(path: ObjectKey, metadata: NodeMetadata) {
      self.path = path
      self.metadata = metadata
    }
  }

  package var format: ZarrFormat
  /// Sorted by path, each path once; the group's own node first where v2 names it.
  package var nodes: [Node]
  /// The keys of every document spoken of, `.zattrs` included, sorted: what is worth fetching.
  package var documents: [ObjectKey]
  /// Nodes left out because their document or path made no sense.
  package var skipped: Int

  /// Reads `.zmetadata`.
  package static func parse(_ bytes: [UInt8]) throws(MetadataError) -> ConsolidatedMetadata {
    try ConsolidatedMetadata(v2: try JSONParser.parse(bytes))
  }

  package init(v2 value: JSONValue) throws(MetadataError) {
    guard value["zarr_consolidated_format"]?.integer == 1 else { throw .unknownFormat }
    guard let members = value["metadata"]?.members else { throw .invalid(member: "metadata") }
    var values = [ObjectKey: [MetadataDocument: JSONValue]]()
    var skipped = 0
    var documents = Set<ObjectKey>()
    for member in members {
      let bytes = Array(member.name.utf8)
      let slash = bytes.lastIndex(of: UInt8(ascii: "/"))
      let name = Array(bytes[(slash.map { $0 + 1 } ?? 0)...])
      guard slash != 0, let path = Self.directory(bytes[..<(slash ?? 0)]), let document = MetadataDocument(bytes: name)
      else {
        skipped += 1
        continue
      }
      values[path, default: [:]][document] = member.value
      documents.insert(path.appending(document.name))
    }
    var nodes = [Node]()
    for (path, parts) in values {
      do throws(MetadataError) {
        if let array = parts[.arrayV2] {
          let metadata = try ArrayMetadata(v2: array, attributes: parts[.attributesV2])
          nodes.append(Node(path: path, metadata: .array(metadata)))
        } else if let group = parts[.groupV2] {
          nodes.append(Node(path: path, metadata: .group(try GroupMetadata(v2: group))))
        }
      } catch {
        skipped += 1
      }
    }
    self.init(format: .v2, nodes: nodes, documents: documents, skipped: skipped)
  }

  /// The value of the member `consolidated_metadata` of a group's `zarr.json`.
  package init(inline value: JSONValue) throws(MetadataError) {
    if let kind = value["kind"], kind.string != "inline" { throw .invalid(member: "kind") }
    guard let members = value["metadata"]?.members else { throw .invalid(member: "metadata") }
    var nodes = [ObjectKey: NodeMetadata]()
    var documents = Set<ObjectKey>()
    var skipped = 0
    for member in members {
      guard let path = Self.directory(ArraySlice(member.name.utf8)),
        let metadata = try? NodeMetadata(v3: member.value, nested: false)
      else {
        skipped += 1
        continue
      }
      nodes[path] = metadata
      documents.insert(path.appending(MetadataDocument.nodeV3.name))
    }
    self.init(
      format: .v3, nodes: nodes.map { Node(path: $0.key, metadata: $0.value) }, documents: documents, skipped: skipped)
  }

  private init(format: ZarrFormat, nodes: [Node], documents: Set<ObjectKey>, skipped: Int) {
    self.format = format
    self.nodes = nodes.sorted { $0.path.bytes.lexicographicallyPrecedes($1.path.bytes) }
    self.documents = documents.sorted { $0.bytes.lexicographicallyPrecedes($1.bytes) }
    self.skipped = skipped
  }

  /// The directory of a path without slashes at its ends; nil where a component is no file name: nothing that a
  /// document says leads out of its group.
  private static func directory(_ path: ArraySlice<UInt8>) -> ObjectKey? {
    guard !path.isEmpty else { return .root }
    guard path.count <= 1024 else { return nil }
    for component in path.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false) {
      guard EntryName(bytes: Array(component)).isPresentable else { return nil }
    }
    return ObjectKey(bytes: path + [UInt8(ascii: "/")])
  }
}
