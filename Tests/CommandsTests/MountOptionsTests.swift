import Fetch
import Glibc
import Platform
import Testing

@testable import Commands

struct MountOptionsTests {
  private func options(_ words: String...) throws -> MountOptions {
    try MountOptions(CommandTables.mount.parse(["s3://bucket/x", "/mnt"] + words))
  }

  @Test func hasDefaults() throws {
    let options = try options()
    #expect(options.source == "s3://bucket/x")
    #expect(options.mountpoint == "/mnt")
    #expect(options.timeToLive == .seconds(60))
    #expect(options.timeout == .seconds(120))
    #expect(options.maximumAge == nil)
    #expect(options.partSize == 8 << 20)
    #expect(options.connections == 64)
    #expect(options.servesStale)
    #expect(options.missingForbidden == .auto)
    #expect(options.mask == 0o022)
    #expect(options.owner == getuid())
    #expect(options.logLevel == .info)
    #expect(options.cacheSize == nil)
  }

  @Test func takesValues() throws {
    let options = try options(
      "--ttl=infinite", "--max-age=7d", "--cache-size=2GiB", "--cache-min-free=0", "--memory=64MiB", "--prefetch=off",
      "--stale-if-error=no", "--umask=077", "--uid=0", "--gid=root", "--max-connections=3", "--log-level=debug",
      "--endpoint-url=http://h:1", "--path-style", "--no-sign-request", "--xattrs", "--allow-other", "--offline")
    #expect(options.timeToLive == .infinite)
    #expect(options.maximumAge == .seconds(7 * 86_400))
    #expect(options.cacheSize == 2 << 30)
    #expect(options.minimumFree == 0)
    #expect(options.memory == 64 << 20)
    #expect(options.prefetch == 0)
    #expect(!options.servesStale)
    #expect(options.mask == 0o077)
    #expect(options.owner == 0)
    #expect(options.group == 0)
    #expect(options.connections == 3)
    #expect(options.logLevel == .debug)
    #expect(options.endpoint == "http://h:1")
    #expect(options.usesPathStyle && options.isUnsigned && options.showsExtendedAttributes)
    #expect(options.allowsOthers && options.isOffline)
  }

  @Test func whatForbiddenMeans() throws {
    #expect(try options("--missing-403=yes").missingForbidden == .yes)
    #expect(try options("-o", "missing_403=no").missingForbidden == .no)
  }

  @Test func infiniteAgeIsNone() throws { #expect(try options("--max-age=infinite").maximumAge == nil) }

  @Test(arguments: [
    "--ttl=soon", "--cache-size=big", "--memory=1MiB", "--part-size=1", "--part-size=2GiB", "--max-connections=0",
    "--max-connections=2000", "--timeout=0", "--umask=9", "--umask=1777", "--uid=nobody-of-this-name", "--gid=no-such",
    "--max-age=0", "--missing-403=perhaps",
  ])
  func refuses(word: String) {
    #expect(throws: UsageError.self) { try options(word) }
  }

  @Test func stylesExcludeEachOther() {
    #expect(throws: UsageError.self) { try options("--path-style", "--virtual-host") }
  }
}
