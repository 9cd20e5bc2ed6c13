import Glibc
import Platform

/// What the daemon's process is like: before its first thread.
enum ProcessSetup {
  /// Of the daemon, in `ps` and for `unmount`: it was started as `exe` (`Daemon.start`), `mount.zarrfs` or another link.
  static let name = "zarrfs"

  static func prepare() {
    OwnProcess.setName(name)
    // Credentials are in memory.
    OwnProcess.forbidDumps()
    OwnProcess.ignoreBrokenPipes()
    umask(0o077)
    // Connections, cache bodies.
    OwnProcess.raiseDescriptorLimit()
    // glibc gives every thread a heap of its own, each of which keeps what it once grew to.
    OwnProcess.limitHeaps(to: 2)
  }
}
