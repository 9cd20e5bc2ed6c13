import Glibc
import Platform

/// Puts the work into a process of its own, and tells the caller how its beginning went.
enum Daemon {
  /// The child's end of the pipe to the waiting parent; in the foreground, nobody waits.
  final class Status: Sendable {
    private let descriptor: Monitor<CInt>

    /// `descriptor` is owned from now on; -1 for none.
    init(_ descriptor: CInt) { self.descriptor = Monitor(descriptor) }

    /// All is well: the parent exits with 0. False: there is no parent any more.
    func ready() -> Bool { send("+") }

    /// It failed; the parent prints the text and exits with 1. True: the parent got it.
    @discardableResult
    func failed(_ text: String) -> Bool { send("-" + text) }

    private func send(_ text: String) -> Bool {
      let descriptor = self.descriptor.withLock { value in
        defer { value = -1 }
        return value
      }
      guard descriptor >= 0 else { return true }
      let bytes = Array(text.utf8)
      let count = write(descriptor, bytes, bytes.count)
      close(descriptor)
      return count == bytes.count
    }
  }

  /// Names the child's end of the pipe in its environment.
  private static let variable = "ZARRFS_DAEMON_PIPE"
  private static let inherited: CInt = 3

  /// In the child: the pipe to the parent that waits. nil in a process that the user started.
  static func inheritedStatus() -> Status? {
    guard Environment.variable(variable) == "\(inherited)", fcntl(inherited, F_SETFD, FD_CLOEXEC) == 0 else {
      return nil
    }
    unsetenv(variable)
    return Status(inherited)
  }

  /// Starts this program once more, with the same arguments, in a session of its own; it finds the pipe by
  /// `inheritedStatus`. Standard output and error stay the caller's until `Status.ready`, for what dies too early to say
  /// why. Returns when the child said that it is ready or failed, ended, or `limit` is over.
  ///
  /// A program of its own and no mere fork: Swift's runtime keeps the thread's number for its locks, and in a forked
  /// child that is the parent's; two threads that meet in such a lock then spin for ever (seen under the thread sanitizer).
  static func start(limit: Interval) throws(CommandFailure) {
    let ends: (reading: CInt, writing: CInt)
    do throws(Errno) { ends = try OwnProcess.pipe() } catch {
      throw CommandFailure("no pipe could be made: \(error)")
    }
    let pipe = FileDescriptor(owning: ends.reading)
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDWR, 0)
    posix_spawn_file_actions_adddup2(&actions, ends.writing, inherited)
    var attributes = posix_spawnattr_t()
    posix_spawnattr_init(&attributes)
    defer { posix_spawnattr_destroy(&attributes) }
    // POSIX_SPAWN_SETSID, a macro of GNU's that Glibc's module leaves out.
    posix_spawnattr_setflags(&attributes, 0x80)
    var arguments = CommandLine.arguments.map { strdup($0) }
    arguments.append(nil)
    defer { for argument in arguments { free(argument) } }
    setenv(variable, "\(inherited)", 1)
    var child = pid_t()
    let failure = posix_spawn(&child, "/proc/self/exe", &actions, &attributes, arguments, environ)
    unsetenv(variable)
    close(ends.writing)
    guard failure == 0 else { throw CommandFailure("the daemon could not be started: \(Errno(failure))") }
    try wait(for: child, pipe, limit: limit)
  }

  /// The child's standard output and error would hold open a pipe of whoever called us.
  static func detachOutput() {
    let null = open("/dev/null", O_RDWR)
    guard null >= 0 else { return }
    dup2(null, 1)
    dup2(null, 2)
    if null > 2 { close(null) }
  }

  /// `pipe` is the reading end; the child is reaped unless it goes on.
  static func wait(for child: pid_t, _ pipe: borrowing FileDescriptor, limit: Interval) throws(CommandFailure) {
    let time = SystemTimeSource()
    let deadline = time.monotonic() + limit
    var said: [UInt8] = []
    while true {
      var entry = pollfd(fd: pipe.rawValue, events: Int16(POLLIN), revents: 0)
      let left = (deadline - time.monotonic()).milliseconds
      let count = left > 0 ? poll(&entry, 1, CInt(min(left, 60_000))) : 0
      if count < 0, errno == EINTR { continue }
      if count == 0 {
        guard time.monotonic() >= deadline else { continue }
        kill(child, SIGTERM)
        throw CommandFailure(
          "the mount did not answer within \(Int(limit.seconds)) s and was given up: try again with --foreground "
            + "--log-level debug")
      }
      var chunk = [UInt8](repeating: 0, count: 4096)
      let size = read(pipe.rawValue, &chunk, chunk.count)
      if size < 0, errno == EINTR { continue }
      if size <= 0 { break }
      said += chunk[..<size]
      if said.first == UInt8(ascii: "+") { return }
    }
    var status: CInt = 0
    while waitpid(child, &status, 0) < 0, errno == EINTR {}
    if said.first == UInt8(ascii: "-") { throw CommandFailure(String(decoding: said.dropFirst(), as: UTF8.self)) }
    let code = OtherProcess.exitStatus(status)
    throw CommandFailure(
      code < 0
        ? "the daemon was ended by signal \(-code) before the mount answered: try again with --foreground"
        : "the daemon ended with code \(code) before the mount answered: try again with --foreground")
  }
}
