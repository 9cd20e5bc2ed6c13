import Glibc
import Platform
import Testing

@testable import Commands

/// The parent's side of the pipe, with shells for children.
struct DaemonTests {
  /// Starts a shell with the pipe as its standard output, and waits as for a daemon; what was thrown.
  private func wait(_ script: String, limit: Interval = .seconds(60)) throws -> String? {
    let (reading, writing) = try OwnProcess.pipe()
    let pipe = FileDescriptor(owning: reading)
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    posix_spawn_file_actions_adddup2(&actions, writing, 1)
    var words: [UnsafeMutablePointer<CChar>?] = []
    for word in ["/bin/sh", "-c", script] { words.append(strdup(word)) }
    words.append(nil)
    defer { for word in words { free(word) } }
    var child = pid_t()
    #expect(posix_spawn(&child, "/bin/sh", &actions, nil, words, environ) == 0)
    close(writing)
    do throws(CommandFailure) {
      try Daemon.wait(for: child, pipe, limit: limit)
      return nil
    } catch { return error.description }
  }

  @Test func readyEndsTheWait() throws { #expect(try wait("printf +; exec sleep 0.1") == nil) }

  @Test func aFailureIsHandedOver() throws {
    #expect(try wait("printf -- '-no such'; printf ' bucket'; exit 1") == "no such bucket")
  }

  @Test func anEarlyEndIsTold() throws {
    #expect(try wait("exit 7")?.contains("ended with code 7") == true)
    #expect(try wait("kill -9 $$")?.contains("ended by signal 9") == true)
  }

  @Test func patienceIsLimited() throws {
    #expect(try wait("exec sleep 60", limit: .milliseconds(50))?.contains("did not answer") == true)
  }

  @Test func statusSpeaksOnce() throws {
    let (reading, writing) = try OwnProcess.pipe()
    let status = Daemon.Status(writing)
    #expect(status.failed("why"))
    #expect(status.ready())
    var bytes = [UInt8](repeating: 0, count: 16)
    let count = read(reading, &bytes, bytes.count)
    #expect(String(decoding: bytes[..<count], as: UTF8.self) == "-why")
    #expect(read(reading, &bytes, bytes.count) == 0)
    close(reading)
  }
}
