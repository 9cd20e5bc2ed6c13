import Cache
import FUSE
import Glibc
import ObjectStorage
import Objects
import Platform

/// The daemon's life, in the process that serves: from the checked options to the unmounted end.
struct MountProcess {
  /// With every default filled in and every path absolute.
  var options: MountOptions
  var source: SourceURL
  /// nil in the foreground.
  var status: Daemon.Status?

  func run() throws(CommandFailure) {
    let log = Log(level: options.logLevel, sink: try sink())
    let signals: StopSignals
    do throws(Errno) { signals = try StopSignals() } catch {
      throw CommandFailure("no thread could be started: \(error)")
    }
    let time = SystemTimeSource()
    let remote = try Remote(options, source: source, time: time, log: log)
    let cache = try openCache(time, log)
    let checked = time.now()
    let verdict = SourceCheck(
      isOffline: options.isOffline, servesStale: options.servesStale, hasCachedContent: cache.hasContent,
      isStopping: { signals.hasCome }
    ).run(remote)
    do throws(CommandFailure) {
      try heed(verdict, log)
      if signals.hasCome { throw CommandFailure("stopped by a signal before anything was mounted") }
      let assembly = try Assembly(
        options, remote, cache, verdict, checked: checked, memory: options.memory ?? MemoryDefault.most, time: time,
        log: log)
      defer { assembly.close() }
      try serve(assembly, signals, log)
    } catch {
      // A second close does nothing.
      remote.stop()
      cache.close()
      log.error("the mount failed", [("reason", error.description)])
      throw error
    }
  }

  private func serve(_ assembly: Assembly, _ signals: StopSignals, _ log: Log) throws(CommandFailure) {
    var session = SessionOptions(source: "\(source)", mountpoint: options.mountpoint)
    session.allowOther = options.allowsOthers
    session.extendedAttributes = options.showsExtendedAttributes
    let mounted: Session
    do throws(MountError) {
      mounted = try Session(serving: assembly.fileSystem, options: session, log: log)
    } catch { throw CommandFailure(error.description) }
    signals.onStop { mounted.stop() }
    mounted.run {
      log.info("mounted", [("source", "\(source)"), ("mountpoint", options.mountpoint)])
      guard let status else { return announce(log) }
      let hasParent = status.ready()
      Daemon.detachOutput()
      // Who started us was killed while waiting: nobody knows of this mount.
      if !hasParent { mounted.stop() }
    }
    log.info("unmounted", [("mountpoint", options.mountpoint)])
  }

  /// In the foreground a service manager may wait to hear of it.
  private func announce(_ log: Log) {
    guard let socket = Environment.variable("NOTIFY_SOCKET") else { return }
    do throws(Errno) { try ServiceManager.announceReady(to: socket) } catch {
      log.warning("the service manager could not be told", [("socket", socket), ("error", "\(error)")])
    }
  }

  private func sink() throws(CommandFailure) -> Log.Sink {
    if let file = options.logFile { return try LogSink.file(file) }
    return status == nil ? LogSink.standardError : LogSink.syslog
  }

  /// A daemon that was unmounted a moment ago may still hold the cache: it gets two seconds.
  private func openCache(_ time: any TimeSource, _ log: Log) throws(CommandFailure) -> BlockCache {
    let configuration = CacheConfiguration(
      directory: options.cacheDirectory ?? "", source: "\(source)", size: options.cacheSize ?? 0,
      minimumFree: options.minimumFree ?? 0, maximumAge: options.maximumAge, sharesBodies: options.deduplicates)
    let deadline = time.monotonic() + .seconds(2)
    while true {
      do throws(CacheError) {
        return try BlockCache.open(configuration, time: time, log: log)
      } catch {
        guard case .heldByProcess(let pid) = error, time.monotonic() < deadline else {
          throw CommandFailure("\(error)")
        }
        _ = pid > 0 && OtherProcess.waitForExit(pid, milliseconds: 100)
        usleep(20_000)
      }
    }
  }

  /// Warnings are told at the terminal too: it is still ours.
  private func heed(_ verdict: SourceCheck.Verdict, _ log: Log) throws(CommandFailure) {
    switch verdict {
    case .failed(let reason): throw CommandFailure(reason)
    case .usable(nil, _): break
    case .usable(let warning?, _), .unlisted(let warning):
      log.warning("the source answers, with a reservation", [("reason", warning)])
      if status != nil { Console.complain("warning: \(warning)") }
    }
  }
}

extension BlockCache {
  /// Anything worth to be mounted without the remote.
  var hasContent: Bool { usage.bodies > 0 || index.listing(of: .root) != nil }
}
