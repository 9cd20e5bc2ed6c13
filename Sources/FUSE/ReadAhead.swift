import Glibc
import Platform

/// The kernel's read-ahead window of a mount.
enum ReadAhead {
  /// KiB. 128, the default, makes 119 READs of a 15.5 MB shard, at most 3 in flight; 1024 makes 15. More would read too
  /// much of shards (readers.md 7).
  static let window = 1024

  /// Needs root; without it the mount works, more slowly. `mountpoint` is absolute and without links.
  static func raise(at mountpoint: String, log: Log) {
    do throws(Errno) {
      guard let mount = try MountTable.current().mount(at: mountpoint) else { return }
      let file = try FileDescriptor.open("/sys/class/bdi/\(mount.device)/read_ahead_kb", O_WRONLY)
      let text = Array("\(window)".utf8)
      guard write(file.rawValue, text, text.count) == text.count else { throw Errno.current }
    } catch {
      log.info(
        "read-ahead of the mount could not be raised; large files will be read in smaller pieces",
        [("reason", "\(error)")])
    }
  }
}
