import FUSE
import Glibc
import Platform
import TestSupport
import Testing

@testable import Commands

/// The whole program: a daemon over a directory, or over a small server that fails in a certain way.
@Suite(.enabled(if: Binary.canMount), .serialized)
struct MountCommandTests {
  private final class World: Sendable {
    let directory = TemporaryDirectory("zarrfs-commands")
    var mountpoint: String { directory.path("mnt") }
    var source: String { "file://\(directory.path("source"))" }

    init() {
      directory.write("hello", to: "source/group/hello")
      mkdir(mountpoint, 0o755)
    }

    func mount(_ words: String..., from source: String? = nil) throws -> ChildProcess.Result {
      try ChildProcess.run(
        [
          Binary.path, "mount", source ?? self.source, mountpoint, "--cache-dir", directory.path("cache"), "--log-file",
          directory.path("log"),
        ] + words)
    }

    func zarrfs(_ words: String...) throws -> ChildProcess.Result { try ChildProcess.run([Binary.path] + words) }

    var daemon: pid_t? {
      guard let config = SmallFile.read("\(mountpoint)/.zarrfs/config.json") else { return nil }
      return JSONRows.flattened(config)?.first { $0.name == "pid" }.flatMap { pid_t($0.value) }
    }

    var isMounted: Bool { (try? MountTable.current().mount(at: mountpoint)) != nil }

    deinit { if isMounted { umount2(mountpoint, CInt(MNT_DETACH)) } }
  }

  @Test func mountsServesAndUnmounts() throws {
    let world = World()
    let mounted = try world.mount()
    #expect(mounted.status == 0, "\(mounted.output)")
    #expect(SmallFile.read("\(world.mountpoint)/group/hello") == "hello")

    let stats = try world.zarrfs("stats", world.mountpoint, "--json")
    #expect(stats.status == 0)
    let rows = try #require(JSONRows.flattened(stats.output))
    #expect(rows.contains { $0.name == "reads.misses" && $0.value == "1" })
    #expect(try world.zarrfs("stats", world.mountpoint).output.contains("reads.misses"))
    #expect(try world.zarrfs("stats", "\(world.mountpoint)/group/hello").output.contains("group/hello"))

    // Twice is refused, by the mountpoint and by the cache.
    #expect(try world.mount().output.contains("already mounted"))
    mkdir(world.directory.path("second"), 0o755)
    let second = try world.zarrfs(
      "mount", world.source, world.directory.path("second"), "--cache-dir", world.directory.path("cache"))
    #expect(second.status == 1)
    #expect(second.output.contains("in use by process"))

    let daemon = try #require(world.daemon)
    #expect(OtherProcess.name(daemon) == "zarrfs")
    let unmounted = try world.zarrfs("unmount", world.mountpoint)
    #expect(unmounted.status == 0, "\(unmounted.output)")
    #expect(!world.isMounted)
    // It has let go of the cache when `unmount` returns.
    #expect(OtherProcess.waitForExit(daemon, milliseconds: 0))
    let log = SmallFile.read(world.directory.path("log")) ?? ""
    #expect(log.contains("info mounted") && log.contains("info unmounted"))
    #expect(!log.contains(" error "))

    let info = try world.zarrfs("cache", "info", "--json", "--cache-dir", world.directory.path("cache"))
    #expect(info.output.contains("\"clean\": true"))
    #expect(try world.zarrfs("cache", "verify", "--cache-dir", world.directory.path("cache")).status == 0)
    #expect(try world.zarrfs("cache", "clear", world.source, "--cache-dir", world.directory.path("cache")).status == 0)
  }

  @Test func aBusyMountIsNotUnmounted() throws {
    let world = World()
    #expect(try world.mount().status == 0)
    let file = try FileDescriptor.open("\(world.mountpoint)/group/hello", O_RDONLY)
    let refused = try world.zarrfs("unmount", world.mountpoint)
    #expect(refused.status == 1)
    #expect(refused.output.contains("is busy") && refused.output.contains("lsof"))
    _ = consume file
    #expect(try world.zarrfs("unmount", world.mountpoint).status == 0)
  }

  @Test func aDeadMountIsCleared() throws {
    let world = World()
    #expect(try world.mount().status == 0)
    let pid = try #require(world.daemon)
    kill(pid, SIGKILL)
    #expect(OtherProcess.waitForExit(pid, milliseconds: 60_000))
    #expect(world.isMounted)
    let again = try world.mount()
    #expect(again.status == 0, "\(again.output)")
    #expect(again.output.contains("its mount is taken away"))
    #expect(SmallFile.read("\(world.mountpoint)/group/hello") == "hello")
    #expect(try world.zarrfs("unmount", world.mountpoint).status == 0)
  }

  @Test(arguments: [SIGTERM, SIGINT, SIGHUP])
  func aSignalUnmounts(signal: CInt) throws {
    let world = World()
    #expect(try world.mount().status == 0)
    let pid = try #require(world.daemon)
    kill(pid, signal)
    #expect(OtherProcess.waitForExit(pid, milliseconds: 60_000))
    #expect(!world.isMounted)
  }

  @Test func theHelperOfMountWorks() throws {
    let world = World()
    let helper = world.directory.path("mount.zarrfs")
    #expect(symlink(Binary.path, helper) == 0)
    let result = try ChildProcess.run([
      helper, world.source, world.mountpoint, "-n", "-o",
      "rw,_netdev,nofail,x-systemd.automount,umask=077,cache_dir=\(world.directory.path("cache"))",
    ])
    #expect(result.status == 0, "\(result.output)")
    var status = stat()
    #expect(stat("\(world.mountpoint)/group", &status) == 0)
    #expect(status.st_mode & 0o777 == 0o500)
    let daemon = try #require(world.daemon)
    #expect(try world.zarrfs("unmount", world.mountpoint).status == 0)
    #expect(OtherProcess.waitForExit(daemon, milliseconds: 0))
  }

  @Test func theCacheMayNotLieInTheMount() throws {
    let world = World()
    let result = try world.zarrfs(
      "mount", world.source, world.mountpoint, "--cache-dir", world.mountpoint + "/cache")
    #expect(result.status == 1)
    #expect(result.output.contains("lies in the mountpoint"))
  }

  /// Each trouble of the remote is a sentence of its own, and nothing stays mounted.
  @Test func troublesOfTheRemoteAreTold() throws {
    let world = World()
    func reason(_ source: String, _ words: String...) throws -> String {
      let result = try ChildProcess.run(
        [
          "/usr/bin/env", "-u", "AWS_ACCESS_KEY_ID", "HOME=/nonexistent", "AWS_EC2_METADATA_DISABLED=true", Binary.path,
          "mount", source, world.mountpoint, "--cache-dir", world.directory.path("cache"),
        ] + words)
      #expect(result.status == 1)
      #expect(!world.isMounted)
      return result.output
    }
    let refused = try reason("s3://b", "--no-sign-request", "--endpoint-url", "http://127.0.0.1:9")
    #expect(refused.contains("no connection to 127.0.0.1:9"))
    #expect(try reason("https://no-such-host.invalid/").contains("the host no-such-host.invalid is not known"))
    #expect(try reason("s3://b", "--region", "eu-west-1").contains("no AWS credentials"))
    #expect(try reason("file:///no/such/directory").contains("cannot be opened"))
    #expect(try reason("s3://b", "--ca-bundle", "/no/such.pem").contains("the certificates /no/such.pem"))

    let server = try HTTPTestServer { request in
      let code = request.path.hasPrefix("/missing") ? "NoSuchBucket" : "AccessDenied"
      return HTTPTestServer.Response(
        code == "NoSuchBucket" ? 404 : 403, headers: [("Content-Type", "application/xml")],
        text: "<?xml version=\"1.0\"?><Error><Code>\(code)</Code><Message>no</Message></Error>")
    }
    defer { server.stop() }
    let endpoint = "http://127.0.0.1:\(server.port)"
    let missing = try reason("s3://missing", "--no-sign-request", "--endpoint-url", endpoint)
    #expect(missing.contains("NoSuchBucket") || missing.contains("no bucket"), "\(missing)")
    let denied = try reason("s3://denied", "--no-sign-request", "--endpoint-url", endpoint)
    #expect(denied.contains("403"), "\(denied)")
    #expect(missing != denied)
  }

  /// What was read is read again while the remote is away.
  @Test func remountsWithoutItsRemote() throws {
    let world = World()
    let server = try HTTPTestServer { request in
      request.path == "/hello" ? .object(Array("from far".utf8), for: request) : HTTPTestServer.Response(404)
    }
    let source = "http://127.0.0.1:\(server.port)/"
    #expect(try world.mount(from: source).status == 0)
    #expect(SmallFile.read("\(world.mountpoint)/hello") == "from far")
    #expect(try world.zarrfs("unmount", world.mountpoint).status == 0)
    server.stop()
    let again = try world.mount(from: source)
    #expect(again.status == 0)
    #expect(again.output.contains("warning:") && again.output.contains("with what is cached"))
    #expect(SmallFile.read("\(world.mountpoint)/hello") == "from far")
    #expect(try world.zarrfs("unmount", world.mountpoint).status == 0)
    #expect(try world.mount("--offline", from: source).status == 0)
    #expect(SmallFile.read("\(world.mountpoint)/hello") == "from far")
    #expect(try world.zarrfs("unmount", world.mountpoint).status == 0)
  }
}
