import Glibc
package import Objects
package import Platform
import Synchronization

/// Bytes of the remote, near: blocks of objects in sparse files, bounded by what they really take of the disk.
///
/// Advisory: no call fails for the sake of the cache. What cannot be kept is not kept, and the caller goes on in memory.
/// Opening is O(1) in the number of bodies: totals come from the index, and are checked in the background only after an
/// unclean stop; until then what is uncertain counts as taken.
///
/// Locks (each innermost, none held across I/O or another): the table of bodies, the ledger, health, touches; the
/// index's own does SQLite's I/O and nothing else.
package final class BlockCache: Sendable {
  package let index: CacheIndex
  let configuration: CacheConfiguration
  let time: any TimeSource
  let log: Log

  let table = Monitor(BodyTable())
  let ledger: Monitor<Ledger>
  private let currentFolder: Monitor<CacheFolder>
  /// Apart, so that a full or read-only disk still gives what it has.
  let reading: DiskHealth
  let writing: DiskHealth
  private let touched = Monitor<[InodeNumber]>([])
  private let hooks = Monitor(Hooks())
  let freeSpace = Monitor(FreeSpace())
  let housekeeping = Monitor(Housekeeping())

  let evictions = Atomic<Int64>(0)
  let evictedBytes = Atomic<Int64>(0)
  let deduplicated = Atomic<Int64>(0)
  let deduplicatedBytes = Atomic<Int64>(0)
  /// Tags in a row that were not the MD5 of their object.
  let disproofs = Atomic<Int>(0)
  private let verifyFailures = Atomic<Int64>(0)

  private struct Hooks {
    var onEviction: (@Sendable ([InodeNumber]) -> Void)?
  }

  struct Housekeeping {
    var thread: Thread?
    var isStopping = false
    var isKicked = false
    var needsSweep = false
    var isSweeping = false
    /// The directory was deleted and could not be made again yet.
    var isGone = false
  }

  var folder: CacheFolder { currentFolder.withLock { $0 } }

  /// Opens the cache of a source: makes and checks its directory, takes its lock, and begins its housekeeping.
  package static func open(
    _ configuration: CacheConfiguration, time: any TimeSource, log: Log
  ) throws(CacheError) -> BlockCache {
    let cache = try BlockCache(configuration, time: time, log: log)
    cache.startHousekeeping()
    return cache
  }

  /// Without its thread, for tests that call `tick` and `sweep` themselves.
  init(_ configuration: CacheConfiguration, time: any TimeSource, log: Log) throws(CacheError) {
    self.configuration = configuration
    self.time = time
    self.log = log
    reading = DiskHealth(time: time, log: log)
    writing = DiskHealth(time: time, log: log)
    let folder = try CacheFolder(configuration)
    currentFolder = Monitor(folder)
    index = CacheIndex(
      directory: folder.path, source: configuration.source, boot: Self.bootIdentifier(),
      limits: CacheIndex.Limits(cacheSize: configuration.size), mayHaveBodies: !folder.isNew, time: time, log: log)
    var ledger = Ledger(limit: configuration.size)
    ledger.bodies = index.bodyTotals().bytes
    ledger.index = index.allocatedBytes()
    ledger.fixed = folder.fixedBytes()
    let mustSweep: Bool
    if folder.isNew {
      mustSweep = false
    } else if index.finding.isInMemory {
      // The index is there and cannot be used now: what it knows stays, and nothing is added.
      mustSweep = false
      ledger.uncertain = configuration.size
    } else if index.finding.isNew {
      // Whatever is there has no rows: nothing fits until it is gone.
      mustSweep = true
      ledger.uncertain = configuration.size
    } else {
      mustSweep = index.finding.isUnclean
      if mustSweep { ledger.uncertain = index.reservedBefore() + ledger.allowance }
    }
    self.ledger = Monitor(ledger)
    housekeeping.withLock { $0.needsSweep = mustSweep }
    index.setHooks(
      onMeasured: { [weak self] in self?.measureIndex() }, onLost: { [weak self] in self?.indexWasLost($0) })
  }

  /// A clean stop: commits, marks the index clean, lets go of files and the lock. Bodies still held by readers go on
  /// reading; nothing new is given out.
  package func close() {
    stopHousekeeping()
    flushTouches()
    let kept = table.withLock { $0.close() }
    for body in kept { body.closeFile() }
    index.close(isClean: housekeeping.withLock { !$0.needsSweep })
    currentFolder.withLock { $0 }.unlock()
  }

  /// Stops as a killed process does: nothing is committed. For tests.
  func abandon() {
    stopHousekeeping()
    index.abandon()
    let kept = table.withLock { $0.close() }
    for body in kept { body.closeFile() }
    folder.unlock()
  }

  private static func bootIdentifier() -> String {
    (try? FileDescriptor.open("/proc/sys/kernel/random/boot_id", O_RDONLY))?.firstLine() ?? ""
  }

  func replaceFolder(_ folder: CacheFolder) { currentFolder.withLock { $0 = folder } }

  /// The cache in numbers, from its own totals: nothing is counted or asked of the disk.
  package var usage: CacheUsage {
    var usage = CacheUsage()
    let totals = index.bodyTotals()
    ledger.withLock {
      usage.allocated = $0.allocated + $0.reserved
      usage.bodyBytes = $0.bodies + $0.doomed
      usage.bound = $0.limit
    }
    usage.bodies = totals.count
    usage.evictions = evictions.load(ordering: .relaxed)
    usage.evictedBytes = evictedBytes.load(ordering: .relaxed)
    usage.deduplicated = deduplicated.load(ordering: .relaxed)
    usage.deduplicatedBytes = deduplicatedBytes.load(ordering: .relaxed)
    usage.verifyFailures = verifyFailures.load(ordering: .relaxed)
    if let reason = writing.trouble ?? reading.trouble ?? index.trouble { usage.state = .degraded(reason: reason) }
    usage.isSweeping = housekeeping.withLock { $0.needsSweep || $0.isSweeping }
    return usage
  }

  // MARK: What bodies report

  /// Told of bodies that were evicted, on the thread that evicted them, without a lock.
  package func setEvictionHook(_ hook: @escaping @Sendable ([InodeNumber]) -> Void) {
    hooks.withLock { $0.onEviction = hook }
  }

  /// Counts them, and tells of them; `bytes`: what was freed.
  func noteEvicted(_ inodes: [InodeNumber], bytes: Int64) {
    evictions.wrappingAdd(Int64(inodes.count), ordering: .relaxed)
    evictedBytes.wrappingAdd(bytes, ordering: .relaxed)
    hooks.withLock { $0.onEviction }?(inodes)
  }

  func noteTouched(_ inode: InodeNumber) { touched.withLock { $0.append(inode) } }

  func flushTouches() {
    let inodes = touched.withLock { list in
      defer { list = [] }
      return list
    }
    guard !inodes.isEmpty else { return }
    let bodies = table.withLock { table in inodes.compactMap { table.body($0) } }
    for body in bodies { body.isTouched.store(false, ordering: .relaxed) }
    index.touch(inodes, at: time.now())
  }

  func noteOpened(_ body: Body) {
    let cold = table.withLock { $0.opened(body) }
    cold?.closeFile()
  }

  func noteDamage(_ blocks: Int, _ inode: InodeNumber) {
    verifyFailures.wrappingAdd(Int64(blocks), ordering: .relaxed)
    log.warning(
      "Damaged blocks were dropped from the cache.", [("inode", "\(inode.rawValue)"), ("blocks", "\(blocks)")])
  }

  /// Whether more may be written: not while that fails, nor while nobody would know of it later.
  var takesMore: Bool { writing.isUsable && !index.isAway }

  func failed(_ what: StaticString, _ error: Errno, in use: DiskHealth) {
    use.failed(what, error)
    // The directory may be gone.
    if error == .noEntry || error == .stale { kickHousekeeping() }
  }

  /// The end of a body object, wherever its last reader let go.
  func letGo(_ inode: InodeNumber, serial: UInt64) {
    guard let bytes = table.withLock({ $0.ended(inode, serial: serial) }) else { return }
    folder.removeBody(inode)
    ledger.withLock { $0.doomed -= bytes }
  }
}
