package import Fetch
import Glibc
package import Platform

/// What `zarrfs mount` was asked for: checked, with the defaults that need no look at the machine.
package struct MountOptions: Sendable {
  package var source: String
  package var mountpoint: String
  package var isForeground = false
  package var mayBeNonempty = false

  package var endpoint: String?
  package var region: String?
  package var profile: String?
  package var isUnsigned = false
  package var requesterPays = false
  package var allowsInsecureAuthentication = false
  package var certificates: String?
  package var usesPathStyle = false
  package var usesVirtualHost = false

  /// nil: `CacheDefaults`.
  package var cacheDirectory: String?
  package var cacheSize: Int64?
  package var minimumFree: Int64?
  package var timeToLive = Interval.seconds(60)
  package var deduplicates = true
  package var freshness = FreshnessPolicy.object
  package var maximumAge: Interval?
  package var maximumObjectSize: Int64?
  package var partSize: Int64 = 8 << 20
  package var connections = 64
  /// 0: off.
  package var prefetch = 64
  /// nil: `MemoryDefault`.
  package var memory: Int64?
  package var timeout = Interval.seconds(120)
  package var hedges = true
  package var servesStale = true
  package var missingForbidden = MissingForbidden.auto
  package var isOffline = false

  package var owner: UInt32 = getuid()
  package var group: UInt32 = getgid()
  package var mask: UInt16 = 0o022
  package var allowsOthers = false
  package var showsExtendedAttributes = false
  package var logLevel = Log.Level.info
  package var logFile: String?

  package init(_ parsed: ParsedArguments) throws(UsageError) {
    source = parsed.positionals[0]
    mountpoint = parsed.positionals[1]
    isForeground = parsed.has("foreground")
    mayBeNonempty = parsed.has("nonempty")
    try takeRemote(parsed)
    try takeCache(parsed)
    try takeView(parsed)
  }

  private mutating func takeRemote(_ parsed: ParsedArguments) throws(UsageError) {
    endpoint = parsed.text("endpoint-url")
    region = parsed.text("region")
    profile = parsed.text("profile")
    isUnsigned = parsed.has("no-sign-request")
    requesterPays = parsed.has("request-payer")
    allowsInsecureAuthentication = parsed.has("allow-insecure-auth")
    certificates = parsed.text("ca-bundle")
    usesPathStyle = parsed.has("path-style")
    usesVirtualHost = parsed.has("virtual-host")
    guard !(usesPathStyle && usesVirtualHost) else {
      throw UsageError("--path-style and --virtual-host exclude each other")
    }
    if let size = try parsed.size("part-size") { partSize = size }
    guard (64 << 10...1 << 30).contains(partSize) else { throw UsageError("--part-size must be 64KiB to 1GiB") }
    if let count = try parsed.number("max-connections", in: 1...1024) { connections = count }
    if let text = parsed.text("prefetch") {
      guard let count = text == "off" ? 0 : Int(text), count <= 100_000 else {
        throw UsageError("--prefetch is '\(text)'; it must be off or a number to 100000")
      }
      prefetch = count
    }
    memory = try parsed.size("memory")
    guard memory ?? .max >= 8 << 20 else { throw UsageError("--memory must be at least 8MiB") }
    if let limit = try parsed.duration("timeout") { timeout = limit }
    guard timeout > .zero else { throw UsageError("--timeout must be longer than zero") }
    hedges = parsed.text("hedge") != "off"
    servesStale = parsed.text("stale-if-error") != "no"
    missingForbidden = parsed.text("missing-403").flatMap { MissingForbidden(rawValue: $0) } ?? .auto
    isOffline = parsed.has("offline")
  }

  private mutating func takeCache(_ parsed: ParsedArguments) throws(UsageError) {
    cacheDirectory = parsed.text("cache-dir")
    cacheSize = try parsed.size("cache-size")
    minimumFree = try parsed.size("cache-min-free")
    if let limit = try parsed.duration("ttl") { timeToLive = limit }
    if let text = parsed.text("freshness"), let policy = FreshnessPolicy(rawValue: text) { freshness = policy }
    deduplicates = parsed.text("dedup") != "off"
    maximumAge = try parsed.duration("max-age").flatMap { $0 >= .infinite ? nil : $0 }
    guard maximumAge ?? .infinite > .zero else { throw UsageError("--max-age must be longer than zero") }
    maximumObjectSize = try parsed.size("max-object-size")
  }

  private mutating func takeView(_ parsed: ParsedArguments) throws(UsageError) {
    if let text = parsed.text("uid") {
      guard let number = UInt32(text) ?? getpwnam(text)?.pointee.pw_uid else {
        throw UsageError("--uid is '\(text)', which is no user of this machine")
      }
      owner = number
    }
    if let text = parsed.text("gid") {
      guard let number = UInt32(text) ?? getgrnam(text)?.pointee.gr_gid else {
        throw UsageError("--gid is '\(text)', which is no group of this machine")
      }
      group = number
    }
    if let text = parsed.text("umask") {
      guard let bits = UInt16(text, radix: 8), bits <= 0o777 else {
        throw UsageError("--umask is '\(text)'; it must be octal, as in 022")
      }
      mask = bits
    }
    allowsOthers = parsed.has("allow-other")
    showsExtendedAttributes = parsed.has("xattrs")
    switch parsed.text("log-level") {
    case "error": logLevel = .error
    case "warning": logLevel = .warning
    case "debug": logLevel = .debug
    default: logLevel = .info
    }
    logFile = parsed.text("log-file")
  }
}
