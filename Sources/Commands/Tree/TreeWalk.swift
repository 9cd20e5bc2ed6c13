import Objects
import Zarr

/// Finds the nodes of a hierarchy, level by level. What is below a group with consolidated metadata is taken from that,
/// as readers do; arrays are not looked into.
struct TreeWalk {
  var reader: any NodeReader
  var jobs: Int

  /// Deeper is no hierarchy but a mistake.
  private static let deepest = 64

  private struct Visit: Sendable {
    var path: ObjectKey
    /// Of the group it is in.
    var format: ZarrFormat?
  }

  private struct Found: Sendable {
    var nodes: [TreeNode] = []
    var below: [Visit] = []
  }

  /// Sorted by path; directories without a node below are left out.
  func run() -> [TreeNode] {
    var nodes: [TreeNode] = []
    var level = [Visit(path: .root, format: nil)]
    var depth = 0
    while !level.isEmpty, depth < Self.deepest {
      let found = Parallel.map(level, jobs: jobs) { [reader] in Self.visit($0, reader) }
      nodes += found.flatMap(\.nodes)
      level = found.flatMap(\.below)
      depth += 1
    }
    nodes = Self.pruned(nodes)
    let cached = Parallel.map(nodes, jobs: jobs) { [reader] node in
      node.array == nil ? nil : reader.cached(below: node.path)
    }
    for index in nodes.indices { nodes[index].cached = cached[index] }
    return nodes
  }

  static func pruned(_ nodes: [TreeNode]) -> [TreeNode] {
    var needed: Set<ObjectKey> = []
    for node in nodes {
      if case .directory = node.kind { continue }
      var path = node.path
      while needed.insert(path).inserted, !path.bytes.isEmpty { path = path.directory }
    }
    return nodes.filter { needed.contains($0.path) }.sorted { a, b in
      a.components.lexicographicallyPrecedes(b.components) { $0.lexicographicallyPrecedes($1) }
    }
  }

  private static func visit(_ visit: Visit, _ reader: any NodeReader) -> Found {
    let order: [MetadataDocument] =
      visit.format == .v2 ? [.arrayV2, .groupV2, .nodeV3] : [.nodeV3, .arrayV2, .groupV2]
    var failure: String?
    for document in order {
      switch reader.document(document, of: visit.path) {
      case .absent: continue
      case .failed(let reason): failure = failure ?? reason
      case .found(let bytes): return node(visit.path, document, bytes, reader)
      }
    }
    if let failure { return unreadable(visit.path, failure) }
    return below(TreeNode(path: visit.path, kind: .directory), format: visit.format, reader)
  }

  private static func node(
    _ path: ObjectKey, _ document: MetadataDocument, _ bytes: [UInt8], _ reader: any NodeReader
  ) -> Found {
    var attributes: [UInt8]?
    if document == .arrayV2, case .found(let found) = reader.document(.attributesV2, of: path) { attributes = found }
    let metadata: NodeMetadata
    do throws(MetadataError) {
      metadata = try NodeMetadata.parse(document, bytes: bytes, attributes: attributes)
    } catch { return unreadable(path, "\(path.appending(document.name)): \(error)") }
    switch metadata {
    case .array(let array): return Found(nodes: [TreeNode(path: path, kind: .array(array))])
    case .group(let group):
      let node = TreeNode(path: path, kind: .group(group.format))
      var consolidated = group.consolidated
      if group.format == .v2, case .found(let bytes) = reader.document(.consolidatedV2, of: path) {
        consolidated = try? ConsolidatedMetadata.parse(bytes)
      }
      guard let consolidated else { return below(node, format: group.format, reader) }
      let inner = consolidated.nodes.filter { !$0.path.bytes.isEmpty }.map { inner in
        let path = ObjectKey(bytes: path.bytes + inner.path.bytes)
        switch inner.metadata {
        case .array(let array): return TreeNode(path: path, kind: .array(array))
        case .group(let group): return TreeNode(path: path, kind: .group(group.format))
        }
      }
      return Found(nodes: [node] + inner)
    }
  }

  private static func below(_ node: TreeNode, format: ZarrFormat?, _ reader: any NodeReader) -> Found {
    switch reader.directories(in: node.path) {
    case .failed(let reason): return unreadable(node.path, reason)
    case .unlisted:
      var node = node
      node.isUnlisted = true
      return Found(nodes: [node])
    case .found(let names):
      let below = names.map { Visit(path: node.path.appending($0, asDirectory: true), format: format) }
      return Found(nodes: [node], below: below)
    }
  }

  private static func unreadable(_ path: ObjectKey, _ reason: String) -> Found {
    Found(nodes: [TreeNode(path: path, kind: .unreadable(reason))])
  }
}
