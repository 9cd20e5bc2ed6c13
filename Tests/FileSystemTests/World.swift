import Cache
import Fetch
import FileSystem
import Foundation
import ObjectStorage
import Objects
import Platform
import TestSupport

/// World (a) of `design.md` section 10: the file system called directly, over a store in memory and a real cache.
final class World {
  let directory: TemporaryDirectory
  let store: InMemoryStore
  let time: ManualTimeSource
  let lines = Monitor<[String]>([])
  private let knowsZarr: Bool
  private let cacheSize: Int64
  var configuration: NamesConfiguration
  private(set) var cache: BlockCache
  private(set) var fetcher: Fetcher
  private(set) var names: NameSpace
  private(set) var fileSystem: ZarrFileSystem

  init(
    canList: Bool = true, configuration: NamesConfiguration = NamesConfiguration(),
    oracle: (any NameOracle)? = nil, knowsZarr: Bool = false, cacheSize: Int64 = 64 << 20,
    time: ManualTimeSource = ManualTimeSource(), _ fill: (InMemoryStore) -> Void = { _ in }
  ) {
    self.knowsZarr = knowsZarr
    self.cacheSize = cacheSize
    directory = TemporaryDirectory("zarrfs-world")
    store = InMemoryStore(canList: canList)
    self.time = time
    self.configuration = configuration
    fill(store)
    (cache, fetcher, names, fileSystem) = Self.make(
      directory, store, time, configuration, oracle ?? Self.oracle(knowsZarr, store, time, configuration), lines,
      cacheSize)
  }

  /// A new mount knows no document yet. Without prefetch, so that what is asked is what was asked for.
  private static func oracle(
    _ knowsZarr: Bool, _ store: InMemoryStore, _ time: ManualTimeSource, _ names: NamesConfiguration
  ) -> any NameOracle {
    if !knowsZarr { return SilentOracle() }
    let configuration = HierarchyTable.Configuration(
      timeToLive: names.timeToLive, canList: store.canList, prefetchChunks: 0, prefetchBytes: 0)
    return Hierarchy(configuration, time: time)
  }

  deinit { stop() }

  private static func make(
    _ directory: TemporaryDirectory, _ store: InMemoryStore, _ time: ManualTimeSource,
    _ configuration: NamesConfiguration, _ oracle: any NameOracle, _ lines: Monitor<[String]>,
    _ cacheSize: Int64
  ) -> (BlockCache, Fetcher, NameSpace, ZarrFileSystem) {
    let log = Log(level: .info) { _, line in lines.withLock { $0.append(line) } }
    do {
      let cache = try BlockCache.open(
        CacheConfiguration(directory: directory.path, source: "memory:", size: cacheSize), time: time, log: log)
      let fetcher = Fetcher(store: store, cache: cache, time: time, log: log)
      let names = try NameSpace(
        store: store, cache: cache, fetcher: fetcher, oracle: oracle, configuration: configuration, time: time,
        log: log)
      let options = FileSystemOptions(owner: 7, group: 8)
      return (cache, fetcher, names, ZarrFileSystem(names: names, options: options, log: log))
    } catch { fatalError("world: \(error)") }
  }

  private func stop() {
    fetcher.shutdown()
    names.close()
    cache.close()
  }

  /// Unmounts, and mounts again on the same cache directory.
  func remount(
    oracle: (any NameOracle)? = nil, _ change: (inout NamesConfiguration) -> Void = { _ in }
  ) {
    stop()
    change(&configuration)
    (cache, fetcher, names, fileSystem) = Self.make(
      directory, store, time, configuration, oracle ?? Self.oracle(knowsZarr, store, time, configuration), lines,
      cacheSize)
  }

  /// Waits until nothing is on its way: the end of a transfer comes after its reader's answer.
  func settle() { poll("the end of all fetches") { fetcher.statistics.openFetches == 0 } }

  // MARK: Calls, waited for

  func attributes(_ inode: InodeNumber) -> Result<Attributes, Errno> {
    let slot = AnswerSlot<Result<AttributesAnswer, Errno>>()
    _ = fileSystem.attributes(of: inode, slot.fill)
    return slot.wait().map(\.attributes)
  }

  func lookup(_ name: EntryName, in parent: InodeNumber = .root) -> LookupAnswer {
    let slot = AnswerSlot<LookupAnswer>()
    _ = fileSystem.lookup(name, in: parent, slot.fill)
    return slot.wait("a lookup of \(name)")
  }

  func begin(_ name: EntryName, in parent: InodeNumber = .root) -> (AnswerSlot<LookupAnswer>, (any PendingRequest)?) {
    let slot = AnswerSlot<LookupAnswer>()
    let pending = fileSystem.lookup(name, in: parent, slot.fill)
    return (slot, pending)
  }

  /// The attributes at the end of a path; nil where a component is absent or failed.
  func walk(_ path: String) -> Attributes? {
    var inode = InodeNumber.root
    var found: Attributes?
    for name in path.split(separator: "/") {
      guard let attributes = lookup(EntryName(String(name)), in: inode).attributes else { return nil }
      inode = attributes.inode
      found = attributes
    }
    return found
  }

  func beginRead(
    _ inode: InodeNumber, _ range: ByteRange
  ) -> (AnswerSlot<Result<[UInt8], Errno>>, (any PendingRequest)?) {
    let slot = AnswerSlot<Result<[UInt8], Errno>>()
    let scratch = UnsafeMutableRawBufferPointer.allocate(byteCount: max(1, range.count), alignment: 16)
    defer { scratch.deallocate() }
    let pending = fileSystem.read(inode, range, scratch: scratch) { answer in
      switch answer {
      case .bytes(let bytes): slot.set(.success(Array(bytes)))
      case .failed(let errno): slot.set(.failure(errno))
      }
    }
    return (slot, pending)
  }

  func read(_ inode: InodeNumber, _ range: ByteRange = 0..<(1 << 20)) -> Result<[UInt8], Errno> {
    beginRead(inode, range).0.wait("a read")
  }

  func text(_ inode: InodeNumber) -> String? {
    guard case .success(let bytes) = read(inode) else { return nil }
    return String(decoding: bytes, as: UTF8.self)
  }

  func open(_ inode: InodeNumber = .root) -> Result<DirectoryHandle, Errno> {
    let slot = AnswerSlot<Result<DirectoryHandle, Errno>>()
    _ = fileSystem.openDirectory(inode, slot.fill)
    return slot.wait("an opendir")
  }

  func beginBatch(
    _ handle: DirectoryHandle, after offset: Int64, limit: Int = 100
  ) -> AnswerSlot<Result<[DirectoryEntry], Errno>> {
    let slot = AnswerSlot<Result<[DirectoryEntry], Errno>>()
    _ = fileSystem.readDirectory(handle, after: offset, limit: limit, slot.fill)
    return slot
  }

  /// The whole directory without its dots, in its order.
  func entries(_ inode: InodeNumber = .root, limit: Int = 100) -> Result<[DirectoryEntry], Errno> {
    switch open(inode) {
    case .failure(let errno): return .failure(errno)
    case .success(let handle):
      defer { fileSystem.releaseDirectory(handle) }
      var all: [DirectoryEntry] = []
      var offset: Int64 = 0
      while true {
        switch beginBatch(handle, after: offset, limit: limit).wait("a batch") {
        case .failure(let errno): return .failure(errno)
        case .success(let batch):
          guard let last = batch.last else { return .success(all) }
          all += batch.filter { $0.name != "." && $0.name != ".." }
          offset = last.offset
        }
      }
    }
  }

  /// Names, sorted; directories with a slash.
  func list(_ inode: InodeNumber = .root, limit: Int = 100) -> [String]? {
    guard case .success(let entries) = entries(inode, limit: limit) else { return nil }
    return entries.map { $0.attributes.isDirectory ? "\($0.name)/" : "\($0.name)" }.sorted()
  }

  func json(_ inode: InodeNumber) -> [String: Any] {
    guard case .success(let bytes) = read(inode),
      let value = try? JSONSerialization.jsonObject(with: Data(bytes)) as? [String: Any]
    else { return [:] }
    return value
  }
}

extension LookupAnswer {
  var attributes: Attributes? {
    if case .found(let attributes, _, _) = self { return attributes }
    return nil
  }

  var inode: InodeNumber? { attributes?.inode }

  /// How long the kernel may keep the name, or its absence.
  var valid: Interval? {
    switch self {
    case .found(_, let valid, _), .absent(let valid): valid
    case .failed: nil
    }
  }

  var isAbsent: Bool {
    if case .absent = self { return true }
    return false
  }
}
