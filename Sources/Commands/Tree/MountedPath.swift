import FUSE
import Glibc
import Platform

/// A path as a command was given it, and the mount of zarrfs that it lies in.
struct MountedPath {
  /// Absolute, without links.
  var path: String
  var isDirectory: Bool
  var inode: UInt64
  /// nil outside of mounts of zarrfs.
  var mount: MountTable.Mount?

  init(_ given: String) throws(CommandFailure) {
    guard let real = realpath(given, nil) else { throw CommandFailure("\(given) cannot be found: \(Errno.current)") }
    defer { free(real) }
    path = String(cString: real)
    var status = stat()
    guard lstat(path, &status) == 0 else { throw CommandFailure("\(path) cannot be looked at: \(Errno.current)") }
    isDirectory = status.st_mode & S_IFMT == S_IFDIR
    inode = UInt64(status.st_ino)
    let mount = try? MountTable.current().mount(holding: path)
    self.mount = mount?.type == "fuse.zarrfs" ? mount : nil
  }

  /// The control directory of the mount.
  func control() throws(CommandFailure) -> String {
    guard let mount else { throw CommandFailure("\(path) is not in a mount of zarrfs: see zarrfs help mount") }
    return "\(mount.mountpoint)/.zarrfs"
  }
}
