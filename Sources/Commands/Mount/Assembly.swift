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
    checked: WallTime, memory: Int64, time: any TimeSource, log: Log
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
      timeToLive: options.timeToLive, policy: options.freshness, servesStaleOnError: options.servesStale,
      isOffline: options.isOffline, missingForbidden: options.missingForbidden,
      listing: verdict.listing)
    let hierarchy = Hierarchy(
      HierarchyTable.Configuration(
        timeToLive: options.timeToLive, canList: remote.store.canList, prefetchChunks: Int(options.prefetch),
        // Of the cache as well, or what is fetched ahead would push itself out.
        prefetchBytes: min(memory / 2, cache.usage.bound / 4)), time: time,
      roundTrip: { [fetcher] in fetcher.roundTripBytes })
    do throws(Errno) {
      names = try NameSpace(
        store: remote.store, cache: cache, fetcher: fetcher, oracle: hierarchy, configuration: naming, time: time,
        log: log)
    } catch { throw CommandFailure("no thread could be started: \(error)") }
    if case .usable(_, let root?) = verdict { names.note(rootPage: root, at: checked) }

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
    let rows = [
      ("gets", numbers.gets), ("heads", numbers.heads), ("lists", numbers.lists), ("retries", numbers.retries),
      ("hedged", numbers.hedges), ("hedge_won", numbers.hedgesWon), ("errors", numbers.errors),
      ("bytes_received", numbers.bytesReceived), ("keys_dropped", numbers.keysDropped),
    ]
    return .object(rows.map { ($0.0, .integer(Int64($0.1))) })
  }

  /// What `.zarrfs/config.json` shows: in effect, without secrets.
  private static func configuration(
    _ options: MountOptions, _ remote: Remote, _ cache: BlockCache, memory: Int64
  ) -> JSONText {
    let texts: [(String, String)] = [
      ("version", Version.text), ("source", "\(remote.source)"), ("mountpoint", options.mountpoint),
      ("cache_dir", options.cacheDirectory ?? ""), ("log_level", "\(options.logLevel)"),
      ("freshness", options.freshness.rawValue), ("missing_403", options.missingForbidden.rawValue),
    ]
    let numbers: [(String, Int64)] = [
      ("pid", Int64(getpid())), ("cache_size", cache.usage.bound), ("cache_min_free", options.minimumFree ?? 0),
      ("max_object_size", options.maximumObjectSize ?? cache.usage.bound / 2), ("part_size", options.partSize),
      ("max_connections", Int64(options.connections)), ("prefetch", Int64(options.prefetch)), ("memory", memory),
      ("uid", Int64(options.owner)), ("gid", Int64(options.group)),
    ]
    let durations: [(String, Interval)] = [
      ("ttl_seconds", options.timeToLive), ("max_age_seconds", options.maximumAge ?? .infinite),
      ("timeout_seconds", options.timeout),
    ]
    let switches: [(String, Bool)] = [
      ("stale_if_error", options.servesStale), ("offline", options.isOffline), ("allow_other", options.allowsOthers),
      ("xattrs", options.showsExtendedAttributes), ("hedge", options.hedges), ("dedup", options.deduplicates),
    ]
    var members = texts.map { ($0.0, JSONText.string($0.1)) }
    members += numbers.map { ($0.0, JSONText.integer($0.1)) }
    members += durations.map { ($0.0, $0.1 >= .infinite ? JSONText.null : .number($0.1.seconds)) }
    members += switches.map { ($0.0, JSONText.boolean($0.1)) }
    return .object(members)
  }
}
