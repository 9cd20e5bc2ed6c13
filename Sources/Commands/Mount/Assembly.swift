import Cache
import FUSE
import Fetch
import FileSystem
import Glibc
import ObjectStorage
import Platform

/// The layers, put together: remote, cache, fetcher, names, file system. The one place that knows them all.
final class Assembly: Sendable {
  let fileSystem: ZarrFileSystem
  private let remote: Remote
  private let cache: BlockCache
  private let fetcher: Fetcher
  private let names: NameSpace

  init(
    _ options: MountOptions, _ remote: Remote, _ cache: BlockCache, _ verdict: SourceCheck.Verdict,
    memory: Int64, time: any TimeSource, log: Log
  ) throws(CommandFailure) {
    self.remote = remote
    self.cache = cache

    var fetching = FetchConfiguration()
    fetching.partSize = options.partSize
    fetching.memory = memory
    fetching.maximumObjectSize = options.maximumObjectSize ?? cache.usage.bound / 2
    if options.prefetch == 0 { fetching.readAhead.largest = 0 }
    fetcher = Fetcher(store: remote.store, cache: cache, configuration: fetching, time: time, log: log)

    let naming = NamesConfiguration(
      timeToLive: options.timeToLive, servesStaleOnError: options.servesStale, isOffline: options.isOffline,
      forbiddenMeansAbsent: verdict.forbiddenMeansAbsent)
    do throws(Errno) {
      names = try NameSpace(
        store: remote.store, cache: cache, fetcher: fetcher, configuration: naming, time: time, log: log)
    } catch { throw CommandFailure("no thread could be started: \(error)") }

    let view = FileSystemOptions(owner: options.owner, group: options.group, umask: options.mask)
    fileSystem = ZarrFileSystem(
      names: names, options: view, configuration: Self.configuration(options, remote, cache, memory: memory),
      statistics: { [statistics = remote.statistics] in [("remote", Self.numbers(statistics.snapshot))] }, log: log)
  }

  /// After the session's end: nothing is asked any more.
  func close() {
    fetcher.shutdown()
    names.close()
    remote.stop()
    cache.close()
  }

  private static func numbers(_ numbers: StoreStatistics.Snapshot) -> JSONText {
    .object([
      ("gets", .integer(Int64(numbers.gets))), ("heads", .integer(Int64(numbers.heads))),
      ("lists", .integer(Int64(numbers.lists))), ("retries", .integer(Int64(numbers.retries))),
      ("errors", .integer(Int64(numbers.errors))), ("bytes_received", .integer(Int64(numbers.bytesReceived))),
      ("keys_dropped", .integer(Int64(numbers.keysDropped))),
    ])
  }

  /// What `.zarrfs/config.json` shows: in effect, without secrets.
  private static func configuration(
    _ options: MountOptions, _ remote: Remote, _ cache: BlockCache, memory: Int64
  ) -> JSONText {
    .object([
      ("version", .string(Version.text)), ("pid", .integer(Int64(getpid()))),
      ("source", .string("\(remote.source)")), ("mountpoint", .string(options.mountpoint)),
      ("cache_dir", .string(options.cacheDirectory ?? "")), ("cache_size", .integer(cache.usage.bound)),
      ("cache_min_free", .integer(options.minimumFree ?? 0)), ("ttl_seconds", .number(options.timeToLive.seconds)),
      ("max_age_seconds", options.maximumAge.map { .number($0.seconds) } ?? .null),
      ("max_object_size", .integer(options.maximumObjectSize ?? cache.usage.bound / 2)),
      ("part_size", .integer(options.partSize)), ("max_connections", .integer(Int64(options.connections))),
      ("prefetch", .integer(Int64(options.prefetch))), ("memory", .integer(memory)),
      ("timeout_seconds", .number(options.timeout.seconds)), ("stale_if_error", .boolean(options.servesStale)),
      ("offline", .boolean(options.isOffline)), ("uid", .integer(Int64(options.owner))),
      ("gid", .integer(Int64(options.group))), ("allow_other", .boolean(options.allowsOthers)),
      ("xattrs", .boolean(options.showsExtendedAttributes)), ("log_level", .string("\(options.logLevel)")),
    ])
  }
}

extension SourceCheck.Verdict {
  var forbiddenMeansAbsent: Bool {
    if case .readableOnly = self { return true }
    return false
  }
}
