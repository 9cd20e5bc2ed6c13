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

  /// Forks; no thread may exist yet. The child runs `body` in a session of its own with `/` for its directory, and exits
  /// with what it returns. Standard output and error stay the caller's until `Status.ready`, for what dies too early to
  /// say why. The parent returns when the child said that it is ready or failed, ended, or `limit` is over.
  static func start(limit: Interval, _ body: (Status) -> CInt) throws(CommandFailure) {
    let ends: (reading: CInt, writing: CInt)
    do throws(Errno) { ends = try OwnProcess.pipe() } catch {
      throw CommandFailure("no pipe could be made: \(error)")
    }
    let child = fork()
    guard child >= 0 else { throw CommandFailure("no process could be made: \(Errno.current)") }
    if child == 0 {
      close(ends.reading)
      setsid()
      chdir("/")
      let null = open("/dev/null", O_RDWR)
      dup2(null, 0)
      if null > 2 { close(null) }
      // Not Swift's `exit` handlers of the parent's state: there are none that matter, and stdio was never used.
      _exit(body(Status(ends.writing)))
    }
    close(ends.writing)
    let pipe = FileDescriptor(owning: ends.reading)
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
