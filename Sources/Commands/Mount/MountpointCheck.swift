import FUSE
import Glibc
import Platform

/// What can be known before anything is started: each trouble is a sentence that names the fix.
struct MountpointCheck {
  var mayBeNonempty: Bool
  var allowsOthers: Bool
  var log: Log

  /// The mountpoint, absolute and without links. A mount whose daemon died is taken away first.
  func prepare(_ path: String) throws(CommandFailure) -> String {
    guard let resolved = realpath(path, nil) else { throw Self.missing(path, Errno.current) }
    defer { free(resolved) }
    let path = String(cString: resolved)
    try clearDeadMount(path)
    if let mount = try Self.table().mount(at: path), mount.type.hasPrefix("fuse") {
      throw CommandFailure(
        "\(path) is already mounted (\(mount.source), \(mount.type)): unmount it first, zarrfs unmount \(path)")
    }
    var status = stat()
    guard stat(path, &status) == 0 else { throw Self.missing(path, Errno.current) }
    guard status.st_mode & S_IFMT == S_IFDIR else {
      throw CommandFailure("the mountpoint \(path) is not a directory: name an empty directory")
    }
    if !mayBeNonempty, try !Self.isEmpty(path) {
      throw CommandFailure(
        "the mountpoint \(path) is not empty: name an empty directory, or mount over it with -o nonempty")
    }
    try checkDevice()
    try checkAllowOther()
    return path
  }

  private static func missing(_ path: String, _ error: Errno) -> CommandFailure {
    switch error {
    case .noEntry: CommandFailure("the mountpoint \(path) does not exist: create it with mkdir -p \(path)")
    case .notDirectory: CommandFailure("the mountpoint \(path) is not a directory: name an empty directory")
    default: CommandFailure("the mountpoint \(path) cannot be used: \(error)")
    }
  }

  private static func table() throws(CommandFailure) -> MountTable {
    do throws(Errno) { return try MountTable.current() } catch {
      throw CommandFailure("/proc/self/mountinfo cannot be read: \(error); is /proc mounted?")
    }
  }

  /// A daemon that was killed leaves a mount that answers ENOTCONN to everything.
  private func clearDeadMount(_ path: String) throws(CommandFailure) {
    for _ in 0..<8 {
      guard let mount = try Self.table().mount(at: path), mount.type.hasPrefix("fuse"), Self.isDead(mount) else {
        return
      }
      log.warning("the daemon of an earlier mount has died; its mount is taken away", [("mountpoint", path)])
      if let reason = Unmounting.unmount(path, lazily: true) {
        throw CommandFailure("\(path) holds a dead mount that cannot be taken away: \(reason); try umount -l \(path)")
      }
    }
  }

  /// Of a zarrfs the file system's numbers are asked for: attributes of the root may still be in the kernel's cache, and
  /// a daemon that lives answers this without waiting for anything. Other daemons may not, so they are not asked.
  private static func isDead(_ mount: MountTable.Mount) -> Bool {
    if mount.type == "fuse.zarrfs" {
      var status = statvfs()
      guard statvfs(mount.mountpoint, &status) != 0 else { return false }
    } else {
      var status = stat()
      guard stat(mount.mountpoint, &status) != 0 else { return false }
    }
    return errno == ENOTCONN || errno == ECONNABORTED
  }

  private static func isEmpty(_ path: String) throws(CommandFailure) -> Bool {
    guard let directory = opendir(path) else {
      throw CommandFailure("the mountpoint \(path) cannot be read: \(Errno.current)")
    }
    defer { closedir(directory) }
    var count = 0
    // `.` and `..` are always there.
    while count <= 2, readdir(directory) != nil { count += 1 }
    return count <= 2
  }

  private func checkDevice() throws(CommandFailure) {
    guard access("/dev/fuse", F_OK) == 0 else {
      throw CommandFailure(
        "there is no /dev/fuse: load the module with modprobe fuse; in a container, run it with --device /dev/fuse "
          + "--cap-add SYS_ADMIN")
    }
    guard geteuid() != 0, Unmounting.helper == nil else { return }
    throw CommandFailure("fusermount3 was not found, which users other than root need: install the package fuse3")
  }

  private func checkAllowOther() throws(CommandFailure) {
    guard allowsOthers, geteuid() != 0 else { return }
    guard !Self.mentionsUserAllowOther(SmallFile.read("/etc/fuse.conf") ?? "") else { return }
    throw CommandFailure(
      "--allow-other is not allowed to users: add the line user_allow_other to /etc/fuse.conf, or mount as root")
  }

  /// A line of its own, not a comment.
  static func mentionsUserAllowOther(_ text: String) -> Bool {
    text.split(separator: "\n").contains { line in
      line.split(whereSeparator: { $0 == " " || $0 == "\t" || $0 == "\r" }) == ["user_allow_other"]
    }
  }
}
