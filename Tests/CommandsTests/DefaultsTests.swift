import Testing

@testable import Commands

struct DefaultsTests {
  @Test func memoryOfTheMachine() {
    let files = ["/proc/meminfo": "MemTotal:         400000 kB\nMemFree: 1 kB\n"]
    #expect(MemoryDefault.bytes { files[$0] } == 100_000 << 10)
  }

  @Test func memoryIsAtMostAndAtLeast() {
    #expect(MemoryDefault.bytes { _ in nil } == 256 << 20)
    #expect(MemoryDefault.bytes { $0 == "/proc/meminfo" ? "MemTotal: 99999999 kB\n" : nil } == 256 << 20)
    #expect(MemoryDefault.bytes { $0 == "/proc/meminfo" ? "MemTotal: 1000 kB\n" : nil } == 8 << 20)
  }

  @Test func memoryOfTheCgroup() {
    let second = [
      "/proc/self/cgroup": "0::/a/b\n", "/sys/fs/cgroup/a/b/memory.max": "max\n",
      "/sys/fs/cgroup/a/memory.max": "536870912\n",
    ]
    #expect(MemoryDefault.bytes { second[$0] } == 128 << 20)
    let first = [
      "/proc/self/cgroup": "5:cpu:/x\n4:memory:/docker/1\n",
      "/sys/fs/cgroup/memory/memory.limit_in_bytes": "268435456\n",
      "/sys/fs/cgroup/memory/docker/1/memory.limit_in_bytes": "9223372036854771712\n",
    ]
    #expect(MemoryDefault.bytes { first[$0] } == 64 << 20)
  }

  @Test func cacheDirectory() {
    func directory(_ given: String?, _ variables: [String: String]) -> String? {
      CacheDefaults.directory(given) { variables[$0] }
    }
    #expect(directory("/given", ["HOME": "/home/u"]) == "/given")
    #expect(directory(nil, ["XDG_CACHE_HOME": "/cache", "HOME": "/home/u"]) == "/cache/zarrfs")
    #expect(directory(nil, ["XDG_CACHE_HOME": "relative", "HOME": "/home/u"]) == "/home/u/.cache/zarrfs")
    #expect(directory("relative", [:])?.hasPrefix("/") == true)
  }

  @Test func cacheSizes() {
    #expect(CacheDefaults.size(nil) == 10 << 30)
    #expect(CacheDefaults.size(.init(total: 100 << 30, free: 0)) == 10 << 30)
    #expect(CacheDefaults.size(.init(total: 8 << 30, free: 1)) == 4 << 30)
    #expect(CacheDefaults.minimumFree(.init(total: 100 << 30, free: 0)) == 1 << 30)
    #expect(CacheDefaults.minimumFree(.init(total: 2_000, free: 0)) == 100)
    #expect(CacheDefaults.disk(of: "/proc/no/such/place") != nil)
  }

  @Test func readsFuseConfiguration() {
    #expect(!MountpointCheck.mentionsUserAllowOther("#user_allow_other\nmount_max = 3\n"))
    #expect(MountpointCheck.mentionsUserAllowOther("# x\n  user_allow_other \t\n"))
  }

  @Test func translatesTheCallOfMount() {
    #expect(
      MountHelper.translate(["s3://b", "/mnt", "-sv", "-n", "-o", "rw,ttl=1s", "-t", "fuse.zarrfs", "-N", "ns"])
        == ["mount", "s3://b", "/mnt", "-o", "rw,ttl=1s"])
    #expect(MountHelper.translate(["s3://b", "/mnt", "-f"]) == nil)
  }
}
