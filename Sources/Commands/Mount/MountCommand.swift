import Glibc
import ObjectStorage
import Platform

/// `zarrfs mount`: checks what can be checked, then serves, here or in a daemon.
enum MountCommand {
  /// The check of the source may take three connects of 10 s.
  private static let limit = Interval.seconds(90)

  static func run(_ given: MountOptions) throws {
    guard let status = Daemon.inheritedStatus() else {
      let (options, source) = try prepared(given)
      if !options.isForeground { return try Daemon.start(limit: limit) }
      ProcessSetup.prepare()
      return try MountProcess(options: options, source: source, status: nil).run()
    }
    do {
      let (options, source) = try prepared(given)
      // Paths are absolute by now.
      chdir("/")
      ProcessSetup.prepare()
      try MountProcess(options: options, source: source, status: status).run()
    } catch {
      // The parent prints it, or the log has it.
      status.failed("\(error)")
      _exit(1)
    }
  }

  /// What can be checked before the remote is asked; the daemon does it once more.
  private static func prepared(_ given: MountOptions) throws -> (MountOptions, SourceURL) {
    let source: SourceURL
    do throws(StoreError) { source = try SourceURL(given.source) } catch { throw UsageError(error.message) }
    let log = Log(level: .warning, sink: LogSink.standardError)
    var options = given
    options.mountpoint = try MountpointCheck(
      mayBeNonempty: given.mayBeNonempty, allowsOthers: given.allowsOthers, log: log
    ).prepare(given.mountpoint)
    try complete(&options)
    return (options, source)
  }

  /// Defaults that depend on the machine; paths made absolute, because the daemon leaves for `/`.
  private static func complete(_ options: inout MountOptions) throws(CommandFailure) {
    guard let directory = CacheDefaults.directory(options.cacheDirectory, environment: Environment.variable) else {
      throw CommandFailure("there is no home directory for the cache: name one with --cache-dir")
    }
    guard directory != options.mountpoint, !directory.hasPrefix(options.mountpoint + "/") else {
      throw CommandFailure("the cache directory \(directory) lies in the mountpoint: name another with --cache-dir")
    }
    options.cacheDirectory = directory
    options.certificates = options.certificates.map(CacheDefaults.absolute)
    options.logFile = options.logFile.map(CacheDefaults.absolute)
    let disk = CacheDefaults.disk(of: directory)
    options.minimumFree = options.minimumFree ?? CacheDefaults.minimumFree(disk)
    options.cacheSize = options.cacheSize ?? CacheDefaults.size(disk)
    options.memory = options.memory ?? MemoryDefault.bytes(reading: SmallFile.read)
  }
}
