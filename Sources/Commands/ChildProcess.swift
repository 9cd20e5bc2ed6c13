import Glibc
import Platform

/// Another program, run to its end.
enum ChildProcess {
  struct Result {
    /// Exit status, or minus the signal.
    var status: CInt
    /// Standard output and standard error.
    var output: String
  }

  /// `words` begins with the program's path. Its environment is ours; standard input is empty.
  static func run(_ words: [String]) throws(Errno) -> Result {
    let (reading, writing) = try OwnProcess.pipe()
    let output = FileDescriptor(owning: reading)
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
    posix_spawn_file_actions_adddup2(&actions, writing, 1)
    posix_spawn_file_actions_adddup2(&actions, writing, 2)
    var arguments = words.map { strdup($0) }
    arguments.append(nil)
    defer { for argument in arguments { free(argument) } }
    var pid = pid_t()
    let failure = posix_spawn(&pid, words[0], &actions, nil, arguments, environ)
    close(writing)
    guard failure == 0 else { throw Errno(failure) }
    var text: [UInt8] = []
    var chunk = [UInt8](repeating: 0, count: 4096)
    while true {
      let count = Glibc.read(output.rawValue, &chunk, chunk.count)
      if count < 0, errno == EINTR { continue }
      if count <= 0 { break }
      text += chunk[..<count]
    }
    var status: CInt = 0
    while waitpid(pid, &status, 0) < 0, errno == EINTR {}
    return Result(status: OtherProcess.exitStatus(status), output: String(decoding: text, as: UTF8.self))
  }
}
