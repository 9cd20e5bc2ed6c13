import Objects
import Zarr

/// What the hierarchy knows that helps where a remote tells little: what a 403 means (`ForbiddenTable`), what is a directory.
extension HierarchyTable {
  private static let likelyLimit = 8

  mutating func noteLikelyChunk(of node: ArrayNode, at key: ObjectKey) {
    guard node.isCoordinate, let first = node.layout.grid.coordinates(linearIndex: 0) else { return }
    let chunk = ObjectKey(bytes: key.bytes + node.layout.key(first))
    guard !likelyChunks.contains(chunk) else { return }
    if likelyChunks.count >= Self.likelyLimit { likelyChunks.removeFirst() }
    likelyChunks.append(chunk)
  }

  /// nil where the key is no chunk inside a grid.
  mutating func forbiddenCase(ofChunk key: ObjectKey) -> ForbiddenCase? {
    guard let (array, coordinates) = chunk(key), let node = arrays.use(array) else { return nil }
    let layout = node.layout
    var likely: [ObjectKey] = []
    if let total = layout.grid.total {
      let own = layout.grid.linearIndex(coordinates)
      // The ends and what lies between: an array is seldom empty everywhere.
      let numbers = Set(
        [0, total - 1, total / 2, total / 4, total / 4 * 3, 1, total / 3].map { min(max(0, $0), total - 1) })
      for number in numbers.sorted() where number != own {
        guard let other = layout.grid.coordinates(linearIndex: number) else { continue }
        likely.append(ObjectKey(bytes: array.bytes + layout.key(other)))
      }
    }
    return ForbiddenCase(
      chunk: key, of: array, document: node.document,
      likely: likely + likelyChunks.filter { $0 != key && !likely.contains($0) })
  }

  func isInsideArray(_ directory: ObjectKey) -> Bool {
    guard let (array, _) = array(above: directory) else { return false }
    return array != directory
  }

  mutating func noteParents(of array: ObjectKey) {
    var key = array.directory
    while !key.bytes.isEmpty, parents.use(key) == nil {
      parents.insert((), for: key)
      key = key.directory
    }
  }

  mutating func isNamed(_ directory: ObjectKey) -> Bool {
    arrays.contains(directory) || parents.contains(directory)
  }
}
