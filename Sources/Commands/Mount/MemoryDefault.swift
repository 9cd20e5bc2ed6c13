/// How much memory zarrfs takes when `--memory` is not given: 256 MiB, or a quarter of what the cgroup or the machine
/// has, and 8 MiB at least.
enum MemoryDefault {
  static let most: Int64 = 256 << 20
  static let least: Int64 = 8 << 20

  /// `read` gives a small file's text, nil where it cannot be read: /proc and /sys, or a test's.
  static func bytes(reading read: (String) -> String?) -> Int64 {
    let limits = (cgroupLimits(read) + [machine(read)]).compactMap { $0 }
    return max(min(most, (limits.min() ?? .max) / 4), least)
  }

  /// MemTotal of /proc/meminfo, in KiB there.
  private static func machine(_ read: (String) -> String?) -> Int64? {
    let line = read("/proc/meminfo")?.split(separator: "\n").first { $0.hasPrefix("MemTotal:") }
    return line?.split(separator: " ").dropFirst().first.flatMap { Int64($0) }.map { $0 << 10 }
  }

  /// Of the process's group and all above it: `memory.max` (v2) and `memory.limit_in_bytes` (v1, where "no limit" is a
  /// number near 2^63). In a container the path may be another one than seen here; the root of the hierarchy is then
  /// the container's own.
  private static func cgroupLimits(_ read: (String) -> String?) -> [Int64?] {
    var limits: [Int64?] = []
    for line in (read("/proc/self/cgroup") ?? "").split(separator: "\n") {
      let fields = line.split(separator: ":", maxSplits: 2, omittingEmptySubsequences: false)
      guard fields.count == 3 else { continue }
      let root: String
      let file: String
      if fields[0] == "0", fields[1].isEmpty {
        (root, file) = ("/sys/fs/cgroup", "memory.max")
      } else if fields[1].split(separator: ",").contains("memory") {
        (root, file) = ("/sys/fs/cgroup/memory", "memory.limit_in_bytes")
      } else {
        continue
      }
      var parts = fields[2].split(separator: "/").filter { $0 != ".." }
      while true {
        let path = ([root] + parts.map(String.init) + [file]).joined(separator: "/")
        limits.append(read(path).flatMap { Int64($0.prefix { $0 != "\n" }) })
        if parts.popLast() == nil { break }
      }
    }
    return limits
  }
}
