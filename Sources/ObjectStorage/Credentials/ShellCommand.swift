import Glibc
import Platform

/// A command line run by `/bin/sh -c`, waited for, its standard output kept up to a limit.
///
/// Standard input is /dev/null, standard error is ours. It is a process group of its own, so that what it started ends
/// with it at the timeout.
struct ShellCommand {
  enum Outcome: Equatable {
    case exited(status: Int32, output: [UInt8])
    case signalled(Int32)
    case timedOut
    case tooLong
  }

  private let command: String
  private let environment: [String: String]

  init(_ command: String, environment: [String: String]) {
    self.command = command
    self.environment = environment
  }

  /// The corresponding C functions are `posix_spawn` and `waitpid`.
  func run(timeout: Interval, limit: Int) throws(Errno) -> Outcome {
    // The child's copy is made by the file action, which clears the flag; no other child gets one, or this one's end
    // would not be seen.
    let ends = try OwnProcess.pipe()
    let output = FileDescriptor(owning: ends.reading)
    let pid: pid_t
    do {
      let input = FileDescriptor(owning: ends.writing)
      _ = fcntl(ends.reading, F_SETFL, O_NONBLOCK)
      pid = try spawn(output: input.rawValue)
    }
    let deadline = SystemTimeSource().monotonic() + timeout
    return Self.collect(output, of: pid, until: deadline, limit: limit)
  }

  private func spawn(output: CInt) throws(Errno) -> pid_t {
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
    posix_spawn_file_actions_adddup2(&actions, output, 1)

    var attributes = posix_spawnattr_t()
    posix_spawnattr_init(&attributes)
    defer { posix_spawnattr_destroy(&attributes) }
    // Our threads block every signal, and the daemon ignores some: neither is for the child.
    var none = sigset_t()
    var all = sigset_t()
    sigemptyset(&none)
    sigfillset(&all)
    posix_spawnattr_setsigmask(&attributes, &none)
    posix_spawnattr_setsigdefault(&attributes, &all)
    posix_spawnattr_setpgroup(&attributes, 0)
    posix_spawnattr_setflags(
      &attributes, Int16(POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP))

    let arguments = ["/bin/sh", "-c", command].map { (text: String) in strdup(text) } + [nil]
    let variables = environment.map { (name: String, value: String) in strdup("\(name)=\(value)") } + [nil]
    defer { for text in arguments + variables { free(text) } }
    var pid = pid_t()
    let status = posix_spawn(&pid, "/bin/sh", &actions, &attributes, arguments, variables)
    guard status == 0 else { throw Errno(status) }
    return pid
  }

  /// Reads until the command ends. It may end while something it left behind holds the pipe: so both are watched.
  private static func collect(
    _ output: borrowing FileDescriptor, of pid: pid_t, until deadline: MonotonicTime, limit: Int
  ) -> Outcome {
    var collected: [UInt8] = []
    var piece = [UInt8](repeating: 0, count: 4096)
    var hasEnded = false
    var status: CInt = 0
    while true {
      var isIdle = true
      let count = read(output.rawValue, &piece, piece.count)
      if count > 0 {
        collected += piece[..<count]
        isIdle = false
      }
      if collected.count > limit || SystemTimeSource().monotonic() >= deadline {
        kill(-pid, SIGKILL)
        if !hasEnded { while waitpid(pid, &status, 0) < 0, errno == EINTR {} }
        return collected.count > limit ? .tooLong : .timedOut
      }
      if isIdle {
        // All it wrote before its end was read.
        if hasEnded { break }
        hasEnded = waitpid(pid, &status, WNOHANG) == pid
        if hasEnded { continue }
        var watched = pollfd(fd: output.rawValue, events: Int16(POLLIN), revents: 0)
        // With the pipe closed by the command, poll would return at once.
        _ = count == 0 ? poll(nil, 0, 10) : poll(&watched, 1, 50)
      }
    }
    let signal = status & 0x7f
    return signal == 0 ? .exited(status: (status >> 8) & 0xff, output: collected) : .signalled(signal)
  }
}
