import Glibc

/// Where the cache lives and how large it is when nobody says.
package enum CacheDefaults {
  /// `--cache-dir`, else `$XDG_CACHE_HOME/zarrfs`, else `~/.cache/zarrfs`; absolute. nil: no home either.
  package static func directory(_ given: String?, environment: (String) -> String?) -> String? {
    let path: String
    if let given {
      path = given
    } else if let cache = environment("XDG_CACHE_HOME"), cache.hasPrefix("/") {
      path = cache + "/zarrfs"
    } else if let home = environment("HOME"), home.hasPrefix("/") {
      path = home + "/.cache/zarrfs"
    } else if let home = getpwuid(geteuid())?.pointee.pw_dir {
      path = String(cString: home) + "/.cache/zarrfs"
    } else {
      return nil
    }
    return absolute(path)
  }

  /// With the working directory before a relative path: the daemon leaves for `/`.
  package static func absolute(_ path: String) -> String {
    guard !path.hasPrefix("/"), let current = getcwd(nil, 0) else { return path }
    defer { free(current) }
    return String(cString: current) + "/" + path
  }

  struct Disk: Equatable {
    var total: Int64
    var free: Int64
  }

  /// Of the nearest directory above `path` that exists.
  static func disk(of path: String) -> Disk? {
    var path = path[...]
    while true {
      var status = statvfs()
      if statvfs(path.isEmpty ? "/" : String(path), &status) == 0 {
        return Disk(
          total: Int64(status.f_blocks) * Int64(status.f_frsize), free: Int64(status.f_bavail) * Int64(status.f_frsize))
      }
      guard let slash = path.lastIndex(of: "/") else { return nil }
      path = path[..<slash]
    }
  }

  /// 1 GiB, or a twentieth of a disk smaller than 20 GiB.
  static func minimumFree(_ disk: Disk?) -> Int64 { min(1 << 30, (disk?.total ?? .max) / 20) }

  /// 10 GiB, or half of a disk smaller than 20 GiB. Not what is free just now: that holds for this minute only, and the
  /// cache keeps `--cache-min-free` in any case.
  static func size(_ disk: Disk?) -> Int64 { min(10 << 30, (disk?.total ?? .max) / 2) }
}
