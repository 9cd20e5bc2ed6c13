/// How a file system is mounted.
package struct SessionOptions: Sendable {
  /// What `df` and /proc/mounts show as the device: the source's URL, without credentials.
  package var source: String
  package var mountpoint: String
  /// Users other than the mounting one may enter (`allow_other`).
  package var allowOther = false
  /// Answer extended attributes (`--xattrs`).
  package var extendedAttributes = false
  /// Threads that take requests from the kernel. They answer hits and never wait, so that a few do.
  package var workers = 8
  /// False only in the test that shows what it costs.
  package var parallelDirectories = true

  package init(source: String, mountpoint: String) {
    self.source = source
    self.mountpoint = mountpoint
  }

  /// For `fuse_session_new`'s `-o`. `fsname` goes last, escaped: a source may hold commas.
  var mountOptions: String {
    var options = "ro,nosuid,nodev,noatime,default_permissions,subtype=zarrfs"
    if allowOther { options += ",allow_other" }
    options += ",fsname="
    for character in source.unicodeScalars {
      if character == "," || character == "\\" { options += "\\" }
      options.unicodeScalars.append(character)
    }
    return options
  }
}
