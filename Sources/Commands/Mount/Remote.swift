import Glibc
import ObjectStorage
import Platform

/// The source as a store, with what it needs to run.
final class Remote: Sendable {
  let source: SourceURL
  /// Without retries: for the check at mount.
  let plain: any ObjectStore
  /// What the layers above use.
  let store: any ObjectStore
  let statistics = StoreStatistics()
  private let loop: TransferLoop

  /// Starts the transfer thread.
  init(_ options: MountOptions, source: SourceURL, time: any TimeSource, log: Log) throws(CommandFailure) {
    self.source = source
    let certificates = options.certificates ?? Environment.variable("AWS_CA_BUNDLE")
    if let certificates, access(certificates, R_OK) != 0 {
      throw CommandFailure("the certificates \(certificates) cannot be read: \(Errno.current); see --ca-bundle")
    }
    var loopOptions = TransferLoop.Options()
    loopOptions.maxConnections = options.connections
    loopOptions.caBundle = certificates
    loopOptions.userAgent = "zarrfs/\(Version.text)"
    // A reader that is promised an answer within 3 s shall not wait 10 s to learn that the line is dead.
    loopOptions.stallTime = min(loopOptions.stallTime, max(.seconds(1), options.timeout))
    loopOptions.connectTimeout = min(loopOptions.connectTimeout, max(.seconds(1), options.timeout))
    loop = TransferLoop(options: loopOptions)
    do throws(StoreError) {
      plain = try Self.store(
        options, source, HTTPClient(loop: loop), statistics, certificates: certificates, time: time)
    } catch { throw CommandFailure(error.message) }
    do throws(Errno) { try loop.start() } catch { throw CommandFailure("no thread could be started: \(error)") }
    if options.isOffline {
      store = OfflineStore(canList: plain.canList, scheduler: loop)
    } else {
      var policy = RetryPolicy()
      policy.timeout = options.timeout
      let asked = options.logLevel == .debug ? LoggingStore(plain, time: time, log: log) : plain
      store = RetryingStore(
        Self.hedged(asked, options, source, loop, statistics, time), policy: policy, scheduler: loop, time: time,
        statistics: statistics, log: log)
    }
  }

  /// Ends every transfer.
  func stop() { loop.stop() }

  /// A directory has one disk to answer: asking twice only makes it slower.
  private static func hedged(
    _ plain: any ObjectStore, _ options: MountOptions, _ source: SourceURL, _ loop: TransferLoop,
    _ statistics: StoreStatistics, _ time: any TimeSource
  ) -> any ObjectStore {
    if case .file = source { return plain }
    return options.hedges ? HedgingStore(plain, scheduler: loop, time: time, statistics: statistics) : plain
  }

  private static func store(
    _ options: MountOptions, _ source: SourceURL, _ client: HTTPClient, _ statistics: StoreStatistics,
    certificates: String?, time: any TimeSource
  ) throws(StoreError) -> any ObjectStore {
    let context = CredentialContext(
      environment: Environment.all, home: Environment.home, profile: options.profile,
      http: CurlCredentialHTTP(caBundle: certificates), time: time)
    var bucket: S3Store.Options
    switch source {
    case .file(let path): return try DirectoryStore(path: path)
    case .http(let base):
      if base.user != nil, !options.allowsInsecureAuthentication {
        try CleartextCheck.check("\(base.scheme)://\(base.authority)")
      }
      return HTTPStore(base, client: client, statistics: statistics, time: time)
    case .s3(let name, let prefix):
      bucket = S3Store.Options(bucket: name)
      bucket.prefix = prefix
      bucket.region =
        options.isUnsigned ? options.region : try RegionResolution.region(option: options.region, context)
    case .gcs(let name, let prefix):
      bucket = S3Store.Options.google(bucket: name)
      bucket.prefix = prefix
      if let region = options.region { bucket.region = region }
    }
    if let endpoint = options.endpoint ?? endpointOfEnvironment(source) {
      if !options.isUnsigned, !options.allowsInsecureAuthentication { try CleartextCheck.check(endpoint) }
      bucket.endpoint = endpoint
    }
    if options.usesPathStyle { bucket.style = .path }
    if options.usesVirtualHost { bucket.style = .virtualHost }
    bucket.requestPayer = options.requesterPays
    let credentials: any CredentialSource =
      options.isUnsigned ? FixedCredentials(nil) : CredentialChain(context)
    return try S3Store(bucket, client: client, credentials: credentials, statistics: statistics, time: time)
  }

  /// As the AWS tools read it.
  private static func endpointOfEnvironment(_ source: SourceURL) -> String? {
    guard case .s3 = source else { return nil }
    return Environment.variable("AWS_ENDPOINT_URL_S3") ?? Environment.variable("AWS_ENDPOINT_URL")
  }
}
