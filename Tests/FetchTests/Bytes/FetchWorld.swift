import Cache
import Fetch
import Glibc
import ObjectStorage
import Objects
import Platform
import TestSupport
import Testing

/// A fetcher over a store in memory and a real cache in a directory of its own.
final class FetchWorld: Sendable {
  let directory = TemporaryDirectory("zarrfs-fetch")
  let store = InMemoryStore()
  let time = ManualTimeSource()
  let cache: BlockCache
  let fetcher: Fetcher
  private let state = Monitor((inode: UInt64(1 << 16), random: SeededGenerator(seed: 99)))

  typealias Answer = AnswerSlot<Result<[UInt8], FetchFailure>>

  init(cacheSize: Int64 = 256 << 20, _ configure: (inout FetchConfiguration) -> Void = { _ in }) throws {
    cache = try BlockCache.open(
      CacheConfiguration(directory: directory.path, source: "memory:", size: cacheSize), time: time, log: .silent)
    var configuration = FetchConfiguration()
    configure(&configuration)
    fetcher = Fetcher(store: store, cache: cache, configuration: configuration, time: time, log: .silent)
  }

  deinit {
    store.setOutage(nil)
    fetcher.shutdown()
    cache.close()
  }

  func bytes(_ count: Int) -> [UInt8] { state.withLock { $0.random.bytes(count) } }

  /// Puts an object of random bytes, or of these; each version has an inode of its own.
  func put(_ key: ObjectKey, _ bytes: [UInt8]) -> ObjectReference { reference(key, store.put(key, bytes)) }

  func reference(_ key: ObjectKey, _ version: ObjectVersion) -> ObjectReference {
    let inode = state.withLock { state in
      state.inode += 1
      return InodeNumber(state.inode)
    }
    return ObjectReference(inode: inode, key: key, version: version)
  }

  /// A READ as the kernel's side makes it; copies what the answer shows.
  @discardableResult
  func ask(_ object: ObjectReference, _ range: ByteRange) -> (answer: Answer, pending: (any PendingRead)?) {
    let answer = Answer()
    let scratch = UnsafeMutableRawBufferPointer.allocate(byteCount: max(1, range.count), alignment: 16)
    defer { scratch.deallocate() }
    let pending = fetcher.read(object, range, scratch: scratch) { result in answer.set(result.map { Array($0) }) }
    return (answer, pending)
  }

  func read(_ object: ObjectReference, _ range: ByteRange) throws -> [UInt8] {
    try ask(object, range).answer.wait("a READ").get()
  }

  /// All of it, in READs of 128 KiB.
  func readAll(_ object: ObjectReference) throws -> [UInt8] {
    var bytes: [UInt8] = []
    bytes.reserveCapacity(Int(object.version.size))
    var lower: Int64 = 0
    while lower < object.version.size {
      let upper = min(lower + 128 << 10, object.version.size)
      bytes += try read(object, lower..<upper)
      lower = upper
    }
    return bytes
  }

  /// Waits until nothing is being fetched.
  func settle() {
    let deadline = SystemTimeSource().monotonic() + .seconds(60)
    while fetcher.statistics.openFetches > 0, SystemTimeSource().monotonic() < deadline {
      store.waitUntilIdle()
    }
  }
}

extension InMemoryStore {
  /// Waits until no request is pending (its last event may still be on the way).
  func waitUntilIdle() {
    let answer = AnswerSlot<Result<ObjectVersion, StoreError>>()
    head("no such key", priority: .prefetch, answer.fill)
    _ = answer.wait()
  }
}

/// The same bytes; by memcmp, since the generic comparison takes long in debug builds.
func == (a: [UInt8], b: ArraySlice<UInt8>) -> Bool {
  a.withUnsafeBytes { a in
    b.withUnsafeBytes { b in a.count == b.count && (a.isEmpty || memcmp(a.baseAddress!, b.baseAddress!, a.count) == 0) }
  }
}
