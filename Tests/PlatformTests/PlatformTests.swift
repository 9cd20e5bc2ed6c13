import Glibc
import Platform
import TestSupport
import Testing

@Suite struct MonitorTests {
  @Test func holdsOneAtATime() throws {
    let counter = Monitor(0)
    let threads = try (0..<4).map { number throws(Errno) in
      try Thread.start("counter-\(number)") { for _ in 0..<10_000 { counter.withLock { $0 += 1 } } }
    }
    for thread in threads { thread.join() }
    #expect(counter.withLock { $0 } == 40_000)
  }

  @Test func wakesWhoWaits() throws {
    let turn = Monitor(0)
    let other = try Thread.start("other") {
      for number in stride(from: 1, to: 100, by: 2) {
        _ = turn.wait { $0 == number ? true : nil }
        turn.withLockNotifying { $0 += 1 }
      }
    }
    for number in stride(from: 0, to: 100, by: 2) {
      _ = turn.wait { $0 == number ? true : nil }
      turn.withLockNotifying { $0 += 1 }
    }
    other.join()
    #expect(turn.withLock { $0 } == 100)
  }

  @Test func aWaitEndsAtItsDeadline() {
    let never = Monitor(false)
    let past = SystemTimeSource().monotonic()
    #expect(never.wait(until: past) { $0 ? 1 : nil } == nil)
    #expect(never.wait(until: past) { _ in 2 } == 2)
  }

  @Test func errorsComeOutAndTheLockIsFree() {
    let state = Monitor(1)
    #expect(throws: Errno.busy) { try state.withLock { _ throws(Errno) in throw Errno.busy } }
    #expect(state.withLock { $0 } == 1)
  }
}

@Suite struct ThreadTests {
  @Test func blocksEverySignalItMay() throws {
    let isBlocked = Monitor(false)
    try Thread.start("masked") {
      var mask = sigset_t()
      pthread_sigmask(SIG_BLOCK, nil, &mask)
      let blocked = sigismember(&mask, SIGTERM) == 1 && sigismember(&mask, SIGINT) == 1
      isBlocked.withLock { $0 = blocked }
    }.join()
    #expect(isBlocked.withLock { $0 })
  }
}

@Suite struct FileDescriptorTests {
  @Test func writesAndReadsAtOffsets() throws {
    let folder = TemporaryDirectory()
    let file = try FileDescriptor.open(folder.path("file"), O_RDWR | O_CREAT)
    let bytes = [UInt8](0..<100)
    try bytes.withUnsafeBytes { try file.write($0, at: 50) }
    var back = [UInt8](repeating: 7, count: 200)
    let count = try back.withUnsafeMutableBytes { try file.read(into: $0, at: 0) }
    #expect(count == 150, "short at the end of the file only")
    #expect(back[..<50].allSatisfy { $0 == 0 })
    #expect(Array(back[50..<150]) == bytes)
    try file.truncate(to: 60)
    #expect(try file.status().st_size == 60)
    #expect(try file.status().st_mode & 0o777 == 0o600)
  }

  @Test func closesAtTheEndOfItsLife() throws {
    let folder = TemporaryDirectory()
    let number: CInt
    do {
      let file = try FileDescriptor.open(folder.path("file"), O_RDWR | O_CREAT)
      number = file.rawValue
      #expect(fcntl(number, F_GETFD) & FD_CLOEXEC != 0)
    }
    // Another test may have got the number since; then it is another file.
    let link = "/proc/self/fd/\(number)"
    var target = [CChar](repeating: 0, count: 4096)
    let length = readlink(link, &target, 4095)
    let name = String(decoding: target[..<max(0, length)].map { UInt8(bitPattern: $0) }, as: UTF8.self)
    #expect(name != folder.path("file"))
  }

  @Test func sayWhatFailed() {
    #expect(throws: Errno.noEntry) { _ = try FileDescriptor.open("/no/such/file", O_RDONLY).rawValue }
  }
}

@Suite struct LogTests {
  private func lines(_ level: Log.Level, _ body: (Log) -> Void) -> [String] {
    let lines = Monitor<[String]>([])
    body(Log(level: level) { _, line in lines.withLock { $0.append(line) } })
    return lines.withLock { $0 }
  }

  @Test func valuesCannotForgeLines() {
    let seen = lines(.info) { $0.warning("a key", [("key", "x\nerror all is lost\u{1b}[31m \"q\"")]) }
    #expect(seen == ["a key key=\"x\\u{a}error all is lost\\u{1b}[31m \\\"q\\\"\""])
  }

  @Test func levelsAreKept() {
    let seen = lines(.warning) { log in
      log.error("one")
      log.warning("two")
      log.info("three")
      log.debug("four")
    }
    #expect(seen == ["one", "two"])
  }

  @Test func longValuesAreCut() {
    #expect(Log.escaped(String(repeating: "x", count: 5000)).count == 1200)
    #expect(Log.escaped("") == "\"\"")
  }
}

@Suite struct TimeTests {
  @Test func infiniteDoesNotOverflow() {
    let later = WallTime(milliseconds: 1_767_225_600_000) + .infinite
    #expect(later > WallTime(milliseconds: 1_767_225_600_000))
    #expect(later - WallTime(milliseconds: 1_767_225_600_000) == .infinite)
  }
}
