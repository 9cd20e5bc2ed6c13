import CLinux
import Glibc

/// What a daemon asks of its own process.
package enum OwnProcess {
  /// As `ps -o comm` and `pgrep` show it, at most 15 bytes. Call on the first thread. The corresponding C function is
  /// `prctl(PR_SET_NAME)`.
  package static func setName(_ name: String) { clinux_set_thread_name(name) }

  /// No core file, and no debugger of another process: credentials are in memory.
  /// The corresponding C functions are `prctl(PR_SET_DUMPABLE)` and `setrlimit(RLIMIT_CORE)`.
  package static func forbidDumps() { clinux_forbid_dumps() }

  /// As many descriptors as the hard limit allows. The corresponding C function is `setrlimit(RLIMIT_NOFILE)`.
  package static func raiseDescriptorLimit() { clinux_raise_descriptor_limit() }

  /// At most so many heaps of glibc. The corresponding C function is `mallopt(M_ARENA_MAX)`.
  package static func limitHeaps(to count: Int32) { clinux_limit_malloc_arenas(count) }

  /// A write to a closed connection is an error and not the end.
  package static func ignoreBrokenPipes() { clinux_ignore_sigpipe() }

  /// A pipe that programs started by us do not inherit. The corresponding C function is `pipe2(O_CLOEXEC)`.
  package static func pipe() throws(Errno) -> (reading: Int32, writing: Int32) {
    var ends: (Int32, Int32) = (-1, -1)
    let result = withUnsafeMutablePointer(to: &ends) { pair in
      pair.withMemoryRebound(to: Int32.self, capacity: 2) { clinux_pipe($0) }
    }
    guard result == 0 else { throw Errno.current }
    return (ends.0, ends.1)
  }

  /// One line for syslog, facility daemon. `priority` is LOG_ERR and the like. The corresponding C function is `syslog`.
  package static func writeSystemLog(_ priority: Int32, _ line: String) { clinux_syslog(priority, line) }
}

/// Other processes, by their number.
package enum OtherProcess {
  /// Waits until it has ended, any process, or the time is over: false then. True also where there is none.
  /// The corresponding C function is `pidfd_open`.
  package static func waitForExit(_ pid: Int32, milliseconds: Int32) -> Bool {
    clinux_wait_for_exit(pid, milliseconds) == 0
  }

  /// As `ps -o comm` shows it; nil where there is none.
  package static func name(_ pid: Int32) -> String? {
    var name = [CChar](repeating: 0, count: 64)
    guard clinux_command_name(pid, &name, name.count) == 0 else { return nil }
    return name.withUnsafeBufferPointer { String(cString: $0.baseAddress!) }
  }

  /// Of what `waitpid` said: the exit status, or minus the signal that ended it.
  package static func exitStatus(_ status: Int32) -> Int32 { clinux_exit_status(status) }
}
