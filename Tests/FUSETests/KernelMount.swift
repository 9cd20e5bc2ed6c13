import FUSE
import Glibc
import Platform
import TestSupport

/// A real mount in a directory of its own, gone again with `end`.
final class KernelMount: Sendable {
  var path: String { directory.path }
  let session: Session
  private let directory: TemporaryDirectory
  private let thread: Thread
  private let serving: Monitor<Bool?>

  /// Whether this machine can mount at all.
  static var isPossible: Bool { access("/dev/fuse", R_OK | W_OK) == 0 }

  init(_ fileSystem: HeldFileSystem, adjust: (inout SessionOptions) -> Void = { _ in }) throws {
    let directory = TemporaryDirectory("zarrfs-fuse")
    var options = SessionOptions(source: "test:,with\\comma", mountpoint: directory.path)
    adjust(&options)
    let session = try Session(serving: fileSystem, options: options, log: .silent)
    let serving = Monitor<Bool?>(nil)
    self.directory = directory
    self.session = session
    self.serving = serving
    thread = try Thread.start("test-session") {
      session.run { serving.withLockNotifying { $0 = true } }
      serving.withLockNotifying { $0 = false }
    }
    _ = serving.wait { $0 }
  }

  /// Stops it and waits for the end.
  func end() {
    session.stop()
    waitForEnd()
  }

  func waitForEnd() { thread.join() }

  /// The whole content, or the error number.
  func read(_ name: String) -> Result<[UInt8], Errno> {
    do throws(Errno) {
      let file = try FileDescriptor.open("\(path)/\(name)", O_RDONLY)
      let size = try Int(file.status().st_size)
      let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: size + 1, alignment: 16)
      defer { buffer.deallocate() }
      let count = try file.read(into: buffer, at: 0)
      return .success(Array(buffer[..<count]))
    } catch {
      return .failure(error)
    }
  }

  func list() -> [String: UInt8]? {
    guard let directory = opendir(path) else { return nil }
    defer { closedir(directory) }
    var names: [String: UInt8] = [:]
    while let entry = readdir(directory) {
      let name = withUnsafePointer(to: &entry.pointee.d_name) {
        $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
      }
      names[name] = entry.pointee.d_type
    }
    return names
  }

  /// `lstat` of a name in it; nil with errno.
  func status(_ name: String) -> stat? {
    var status = stat()
    return lstat("\(path)/\(name)", &status) == 0 ? status : nil
  }

  /// Runs a program and does not wait for it.
  func spawn(_ program: String, _ arguments: String...) -> pid_t {
    var pid = pid_t()
    var vector = ([program] + arguments).map { strdup($0) }
    vector.append(nil)
    defer { for word in vector { free(word) } }
    return posix_spawn(&pid, program, nil, nil, vector, nil) == 0 ? pid : -1
  }
}

/// Runs `body` on `count` threads and waits for all.
func inParallel(_ count: Int, _ body: @escaping @Sendable (Int) -> Void) throws -> [Thread] {
  try (0..<count).map { index in try Thread.start("reader-\(index)") { body(index) } }
}
