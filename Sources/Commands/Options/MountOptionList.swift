/// `-o a,b=c`, as in fstab.
enum MountOptionList {
  /// At commas, except those with a backslash before them.
  static func split(_ list: String) -> [String] {
    var items: [String] = []
    var item = ""
    var isEscaped = false
    for character in list {
      if isEscaped {
        if character != ",", character != "\\" { item.append("\\") }
        item.append(character)
        isEscaped = false
      } else if character == "\\" {
        isEscaped = true
      } else if character == "," {
        items.append(item)
        item = ""
      } else {
        item.append(character)
      }
    }
    if isEscaped { item.append("\\") }
    items.append(item)
    return items
  }

  private static let generic: Set<String> = [
    "rw", "ro", "defaults", "auto", "noauto", "user", "nouser", "users", "owner", "group", "_netdev", "nofail", "dev",
    "nodev", "suid", "nosuid", "exec", "noexec", "sync", "async", "dirsync", "atime", "noatime", "diratime",
    "nodiratime", "relatime", "norelatime", "strictatime", "lazytime", "default_permissions", "comment", "fsname",
    "subtype", "silent", "loud",
  ]

  /// What mount(8), systemd and fuse(8) write for every file system; none of it changes what zarrfs does (the mount is
  /// read-only, nosuid, nodev and noatime in any case).
  static func isGeneric(_ item: String) -> Bool {
    generic.contains(item) || item.hasPrefix("x-") || item.hasPrefix("X-") || item.hasPrefix("comment")
  }
}
