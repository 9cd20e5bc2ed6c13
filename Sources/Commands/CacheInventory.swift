import Glibc

/// What lies in a cache directory, seen from outside.
enum CacheInventory {
  /// Allocated bytes (st_blocks) of the files and directories below; links are not followed. Looks at 100,000 at most.
  static func allocatedBytes(_ directory: String) -> Int64 { walk(directory).bytes }

  static func walk(_ directory: String, limit: Int = 100_000) -> (files: Int, bytes: Int64) {
    var waiting = [directory]
    var (files, bytes, seen) = (0, Int64(0), 0)
    while let path = waiting.popLast(), seen < limit {
      var status = stat()
      guard lstat(path, &status) == 0 else { continue }
      seen += 1
      bytes += Int64(status.st_blocks) * 512
      if status.st_mode & S_IFMT == S_IFREG { files += 1 }
      guard status.st_mode & S_IFMT == S_IFDIR else { continue }
      for name in names(path) { waiting.append("\(path)/\(name)") }
    }
    return (files, bytes)
  }

  static func names(_ path: String) -> [String] {
    guard let directory = opendir(path) else { return [] }
    defer { closedir(directory) }
    var names: [String] = []
    while let entry = readdir(directory) {
      let name = withUnsafePointer(to: &entry.pointee.d_name) {
        $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
      }
      if name != ".", name != ".." { names.append(name) }
    }
    return names
  }
}
