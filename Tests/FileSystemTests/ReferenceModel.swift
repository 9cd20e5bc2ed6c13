import Objects
import TestSupport

/// What the tree must be: the bucket as it is, and as it was at most `ttl` ago.
///
/// Each name keeps its history; an answer is right if it was true at some moment since the time from which answers may
/// still be believed.
struct ReferenceModel {
  enum Shape: Equatable, Hashable {
    case file([UInt8])
    case directory
    case absent
  }

  /// Milliseconds.
  let timeToLive: Int64
  private(set) var objects: [String: [UInt8]] = [:]
  /// Trees that were true, each with the time at which it ended to be.
  private var past: [(until: Int64, objects: [String: [UInt8]])] = []
  /// Every content a key ever had.
  private(set) var contents: [String: Set<[UInt8]>] = [:]

  init(timeToLive: Int64) { self.timeToLive = timeToLive }

  mutating func put(_ key: String, _ bytes: [UInt8], at now: Int64) {
    past.append((now, objects))
    objects[key] = bytes
    contents[key, default: []].insert(bytes)
  }

  mutating func remove(_ key: String, at now: Int64) {
    past.append((now, objects))
    objects[key] = nil
  }

  /// Trees that an answer given at `now` may show.
  private func believable(_ now: Int64) -> [[String: [UInt8]]] {
    past.filter { $0.until > now - timeToLive }.map(\.objects) + [objects]
  }

  private func shape(_ path: String, in tree: [String: [UInt8]]) -> Shape {
    if tree.keys.contains(where: { $0.hasPrefix(path + "/") }) { return .directory }
    return tree[path].map { .file($0) } ?? .absent
  }

  /// What a lookup may show. A known file is revalidated by HEAD alone, so that one under which a directory came to be
  /// may be shown as the file that it still is, until the directory above is listed.
  func shapes(_ path: String, at now: Int64) -> Set<Shape> {
    let trees = believable(now)
    return Set(trees.map { shape(path, in: $0) }).union(trees.compactMap { $0[path].map { .file($0) } })
  }

  /// Names directly below, each with the shapes it may be shown with; a name that need not be shown has `.absent`.
  func names(below path: String, at now: Int64) -> [String: Set<Shape>] {
    let prefix = path.isEmpty ? "" : path + "/"
    let trees = believable(now)
    var names: Set<String> = []
    for tree in trees {
      for key in tree.keys where key.hasPrefix(prefix) {
        if let name = key.dropFirst(prefix.count).split(separator: "/", omittingEmptySubsequences: false).first {
          names.insert(String(name))
        }
      }
    }
    names.remove("")
    var shapes: [String: Set<Shape>] = [:]
    for name in names {
      shapes[name] = Set(trees.map { shape(prefix + name, in: $0) })
      // One that the listing still has as a file may have been revalidated since, as by `shapes` above (seed 2146).
      if shapes[name, default: []].contains(where: { if case .file = $0 { true } else { false } }) {
        shapes[name]?.formUnion(trees.compactMap { $0[prefix + name].map { .file($0) } })
      }
    }
    return shapes
  }
}
