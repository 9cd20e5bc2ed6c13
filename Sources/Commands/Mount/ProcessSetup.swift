import CLinux
import Glibc

/// What the daemon's process is like: before its first thread.
enum ProcessSetup {
  static func prepare() {
    // Credentials are in memory.
    clinux_forbid_dumps()
    clinux_ignore_sigpipe()
    umask(0o077)
    // Connections, cache bodies.
    clinux_raise_descriptor_limit()
    // glibc gives every thread a heap of its own, each of which keeps what it once grew to.
    clinux_limit_malloc_arenas(2)
  }
}
