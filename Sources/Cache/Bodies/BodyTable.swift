import Objects

/// The bodies that exist as objects: who is in use, whose descriptor stays open, who is on the way out.
///
/// Never let a `Body` die under the lock of this table: its end takes that lock. What a method takes out it returns.
struct BodyTable {
  /// Descriptors that stay open.
  static let recentLimit = 256

  private struct Weak {
    weak var body: Body?
    var serial: UInt64
  }

  private struct Recent {
    var body: Body
    var tick: UInt64
  }

  private var live: [InodeNumber: Weak] = [:]
  private var recent: [InodeNumber: Recent] = [:]
  /// Their files are being removed.
  private var leaving: Set<InodeNumber> = []
  /// Evicted, with their bytes; removed when the last reader lets go.
  private(set) var doomed: [InodeNumber: Int64] = [:]
  private var ticks: UInt64 = 0
  private(set) var isClosed = false

  enum Found {
    case body(Body)
    /// To be made with this serial number.
    case none(serial: UInt64)
    /// On its way out.
    case leaving
  }

  mutating func find(_ inode: InodeNumber) -> Found {
    ticks += 1
    if isClosed || leaving.contains(inode) || doomed[inode] != nil { return .leaving }
    if let body = live[inode]?.body {
      recent[inode]?.tick = ticks
      return .body(body)
    }
    return .none(serial: ticks)
  }

  /// The body to use: another thread may have been faster, and eviction too.
  mutating func insert(_ body: Body) -> Found {
    if isClosed || leaving.contains(body.inode) || doomed[body.inode] != nil { return .leaving }
    if let other = live[body.inode]?.body { return .body(other) }
    live[body.inode] = Weak(body: body, serial: body.serial)
    return .body(body)
  }

  func body(_ inode: InodeNumber) -> Body? { live[inode]?.body }

  /// A body opened its file. Returns the one that has to close its own.
  mutating func opened(_ body: Body) -> Body? {
    guard !isClosed, doomed[body.inode] == nil, !leaving.contains(body.inode) else { return nil }
    ticks += 1
    let old = recent.updateValue(Recent(body: body, tick: ticks), forKey: body.inode)
    guard old == nil, recent.count > Self.recentLimit else { return nil }
    guard let coldest = recent.min(by: { $0.value.tick < $1.value.tick })?.key else { return nil }
    return recent.removeValue(forKey: coldest)?.body
  }

  /// Marks a body as leaving, unless someone uses it. `release` keeps what must die outside the lock.
  mutating func leave(_ inode: InodeNumber, release: inout [Body]) -> Bool {
    guard !leaving.contains(inode), doomed[inode] == nil else { return false }
    if recent[inode] != nil {
      guard isKnownUniquelyReferenced(&recent[inode]!.body) else { return false }
      release.append(recent.removeValue(forKey: inode)!.body)
    } else if let body = live[inode]?.body {
      release.append(body)
      return false
    }
    leaving.insert(inode)
    return true
  }

  mutating func left(_ inodes: [InodeNumber]) { leaving.subtract(inodes) }

  /// Evicts a body that is in use.
  mutating func doom(_ inode: InodeNumber) -> Body? {
    guard let body = live[inode]?.body else { return nil }
    if let kept = recent.removeValue(forKey: inode) { assert(kept.body === body) }
    doomed[inode] = 0
    return body
  }

  mutating func setDoomedBytes(_ bytes: Int64, of inode: InodeNumber) {
    if doomed[inode] != nil { doomed[inode] = bytes }
  }

  /// The end of a body object. The bytes to be removed with it, if it was doomed.
  mutating func ended(_ inode: InodeNumber, serial: UInt64) -> Int64? {
    guard live[inode]?.serial == serial else { return nil }
    live[inode] = nil
    return doomed.removeValue(forKey: inode)
  }

  /// Everyone, held.
  func all() -> [Body] { live.values.compactMap { $0.body } }

  func isLive(_ inode: InodeNumber) -> Bool {
    live[inode] != nil || leaving.contains(inode) || doomed[inode] != nil
  }

  /// Lets go of all open files; no body is given out any more.
  mutating func close() -> [Body] {
    isClosed = true
    defer { recent = [:] }
    return recent.values.map(\.body)
  }
}
