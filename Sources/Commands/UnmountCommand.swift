import FUSE
import Glibc
import Platform

/// `zarrfs unmount MOUNTPOINT`.
enum UnmountCommand {
  static func run(_ parsed: ParsedArguments) throws(CommandFailure) {
    let given = parsed.positionals[0]
    let path = resolved(given)
    let mount = try? MountTable.current().mount(at: path)
    guard let mount else { throw CommandFailure("\(path) is not mounted") }
    guard mount.type == "fuse.zarrfs" else {
      throw CommandFailure("\(path) is a mount of type \(mount.type), not of zarrfs: use umount \(path)")
    }
    let daemon = daemonPID(of: path)
    if let reason = Unmounting.unmount(path, lazily: false) {
      throw CommandFailure(
        reason == Unmounting.busy
          ? "\(path) is busy: some process has a file open in it or works there; see lsof \(path) or fuser -vm \(path)"
          : "\(path) cannot be unmounted: \(reason)")
    }
    // The daemon writes its index and lets go of the cache; a mount right after this one needs both.
    if let daemon { _ = OtherProcess.waitForExit(daemon, milliseconds: 30_000) }
    if (try? MountTable.current().mount(at: path))?.type == "fuse.zarrfs" {
      throw CommandFailure("\(path) was unmounted, but another zarrfs was mounted below it: unmount again")
    }
  }

  /// As in the mount table. A dead mount has no real path: its parent has.
  private static func resolved(_ path: String) -> String {
    if let real = realpath(path, nil) {
      defer { free(real) }
      return String(cString: real)
    }
    return CacheDefaults.absolute(path)
  }

  /// From the mount's own control directory; nil where it does not say, or the process is not zarrfs (another
  /// container's numbers).
  private static func daemonPID(of path: String) -> pid_t? {
    guard let text = SmallFile.read("\(path)/.zarrfs/config.json"),
      let pid = JSONRows.flattened(text)?.first(where: { $0.name == "pid" }).flatMap({ pid_t($0.value) })
    else { return nil }
    return OtherProcess.name(pid) == ProcessSetup.name ? pid : nil
  }
}
