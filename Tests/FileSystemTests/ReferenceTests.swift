import Cache
import FileSystem
import Glibc
import Objects
import Platform
import TestSupport
import Testing

/// Random trees and operations against a simple model: what is answered was true at most a time to live ago; bytes are
/// those of one version, whole; an inode never changes its content.
///
/// 200 seeds; ZARRFS_SEEDS and ZARRFS_SEED name how many others, and the first of them (`make stress` takes thousands). A failure
/// tells its seed, and the operations that led to it.
@Suite struct ReferenceTests {
  static let seeds: Range<UInt64> = {
    let first = number("ZARRFS_SEED") ?? 0
    return first..<first + (number("ZARRFS_SEEDS") ?? 200)
  }()

  private static func number(_ variable: String) -> UInt64? { getenv(variable).flatMap { UInt64(String(cString: $0)) } }

  @Test(arguments: seeds) func agreesWithTheModel(seed: UInt64) throws {
    var run = ReferenceRun(seed: seed)
    run.fill()
    for _ in 0..<60 {
      let failure = run.step()
      if let failure {
        Issue.record("seed \(seed): \(failure); \(run.history.suffix(30).joined(separator: " "))")
        return
      }
    }
  }
}

private struct ReferenceRun {
  let world: World
  var model = ReferenceModel(timeToLive: 60_000)
  var random: SeededGenerator
  var history: [String] = []
  /// What each inode held when it was first read.
  var bytesOf: [InodeNumber: [UInt8]] = [:]

  init(seed: UInt64) {
    random = SeededGenerator(seed: seed)
    world = World()
  }

  private var now: Int64 { world.time.now().milliseconds }
  private mutating func pick<Element>(_ elements: [Element]) -> Element { elements.randomElement(using: &random)! }

  /// Few names, so that objects and directories meet.
  private mutating func path() -> String {
    let depth = Int.random(in: 1...3, using: &random)
    return (0..<depth).map { _ in pick(["a", "b", "a-", "a.b", "c"]) }.joined(separator: "/")
  }

  private mutating func put(_ key: String) {
    let bytes = random.bytes(pick([0, 1, 100, 5000, 70_000]))
    model.put(key, bytes, at: now)
    world.store.put(ObjectKey(key), bytes)
  }

  mutating func fill() {
    for _ in 0..<Int.random(in: 1...12, using: &random) { put(path()) }
  }

  /// What went wrong.
  mutating func step() -> String? {
    switch Int.random(in: 0..<20, using: &random) {
    case 0..<7: return lookup(path())
    case 7..<11: return read(path())
    case 11..<14: return list(pick(["", "a", "b", "c", path()]))
    case 14, 15:
      let key = path()
      history.append("put(\(key))")
      put(key)
    case 16:
      let key = pick(model.objects.keys.sorted() + [path()])
      history.append("remove(\(key))")
      model.remove(key, at: now)
      world.store.remove(ObjectKey(key))
    case 17:
      let seconds = pick([1, 20, 45, 61, 500] as [Int64])
      history.append("wait(\(seconds))")
      world.time.advance(by: .seconds(seconds))
    case 18:
      history.append("evict")
      for inode in bytesOf.keys { world.cache.evict(inode) }
    default:
      history.append("remount")
      // Numbers of replaced versions are not known to a new mount.
      bytesOf = [:]
      world.remount()
    }
    return nil
  }

  /// Walks; a component that is no directory ends the walk as absent, as the kernel does.
  private mutating func find(_ path: String) -> (attributes: Attributes?, failure: String?) {
    var inode = InodeNumber.root
    var walked = ""
    let parts = path.split(separator: "/").map(String.init)
    for (index, part) in parts.enumerated() {
      walked += (walked.isEmpty ? "" : "/") + part
      let answer = world.lookup(EntryName(part), in: inode)
      let allowed = model.shapes(walked, at: now)
      switch answer {
      case .failed(let errno): return (nil, "lookup of \(walked) failed: \(errno)")
      case .absent:
        return (nil, allowed.contains(.absent) ? nil : "\(walked) is not absent")
      case .found(let attributes, _, _):
        let fits = allowed.contains { shape in
          switch shape {
          case .file(let bytes): !attributes.isDirectory && attributes.size == Int64(bytes.count)
          case .directory: attributes.isDirectory
          case .absent: false
          }
        }
        if !fits { return (nil, "\(walked) is shown as \(attributes) but was never so of late") }
        if index == parts.count - 1 { return (attributes, nil) }
        if !attributes.isDirectory { return (nil, nil) }
        inode = attributes.inode
      }
    }
    return (nil, nil)
  }

  private mutating func lookup(_ path: String) -> String? {
    history.append("lookup(\(path))")
    return find(path).failure
  }

  private mutating func read(_ path: String) -> String? {
    history.append("read(\(path))")
    let (found, failure) = find(path)
    if let failure { return failure }
    guard let found, !found.isDirectory else { return nil }
    let offset = Int64.random(in: 0...(found.size + 10), using: &random)
    let range = offset..<offset + Int64.random(in: 1...80_000, using: &random)
    let versions = model.contents[path, default: []].filter { Int64($0.count) == found.size }
    switch world.read(found.inode, range) {
    case .failure(let errno):
      // Only a version that is gone may fail.
      if model.shapes(path, at: now).count == 1 { return "reading \(path) failed: \(errno)" }
      return errno == .stale || errno == .inputOutput ? nil : "reading \(path) failed: \(errno)"
    case .success(let bytes):
      let clipped = Int(min(range.lowerBound, found.size))..<Int(min(range.upperBound, found.size))
      guard bytes.count == clipped.count else { return "reading \(path) gave \(bytes.count) of \(clipped.count) bytes" }
      guard let version = versions.first(where: { Array($0[clipped]) == bytes }) else {
        return "reading \(path) gave bytes of no version"
      }
      if let first = bytesOf[found.inode], Array(first[clipped]) != bytes { return "an inode of \(path) changed" }
      if versions.count == 1 { bytesOf[found.inode] = version }
      return nil
    }
  }

  private mutating func list(_ path: String) -> String? {
    history.append("list(\(path))")
    var inode = InodeNumber.root
    if !path.isEmpty {
      let (found, failure) = find(path)
      if let failure { return failure }
      guard let found, found.isDirectory else { return nil }
      inode = found.inode
    }
    guard case .success(let entries) = world.entries(inode, limit: Int.random(in: 1...5, using: &random)) else {
      return "listing \(path) failed"
    }
    let allowed = model.names(below: path, at: now)
    let shown = entries.map { "\($0.name)" }
    if Set(shown).count != shown.count { return "\(path) shows a name twice: \(shown)" }
    for entry in entries {
      let shapes = allowed["\(entry.name)", default: []]
      let fits = shapes.contains { shape in
        switch shape {
        case .file(let bytes): !entry.attributes.isDirectory && entry.attributes.size == Int64(bytes.count)
        case .directory: entry.attributes.isDirectory
        case .absent: false
        }
      }
      if !fits { return "\(path) shows \(entry.name), which was never so of late" }
    }
    for (name, shapes) in allowed where !shapes.contains(.absent) && !shown.contains(name) {
      return "\(path) does not show \(name)"
    }
    return nil
  }
}
