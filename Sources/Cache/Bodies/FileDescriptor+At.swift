import CLinux
import Glibc
import Platform

extension FileDescriptor {
  /// Opens a name below this directory, never through a symbolic link. The corresponding C function is `openat`.
  func open(_ name: String, _ flags: CInt, mode: mode_t = 0o600) throws(Errno) -> FileDescriptor {
    while true {
      let descriptor = openat(rawValue, name, flags | O_CLOEXEC | O_NOFOLLOW, mode)
      if descriptor >= 0 { return FileDescriptor(owning: descriptor) }
      if errno != EINTR { throw Errno.current }
    }
  }

  /// Makes a directory of mode 0700; whether it was made. The corresponding C function is `mkdirat`.
  @discardableResult
  func makeDirectory(_ name: String) throws(Errno) -> Bool {
    if mkdirat(rawValue, name, 0o700) == 0 { return true }
    guard errno == EEXIST else { throw Errno.current }
    return false
  }

  /// The corresponding C function is `fstatat`, not following links.
  func status(of name: String) throws(Errno) -> stat {
    var status = stat()
    guard fstatat(rawValue, name, &status, AT_SYMLINK_NOFOLLOW) == 0 else { throw Errno.current }
    return status
  }

  /// The corresponding C function is `linkat`.
  func link(_ name: String, as other: String) throws(Errno) {
    guard linkat(rawValue, name, rawValue, other, 0) == 0 else { throw Errno.current }
  }

  /// The corresponding C function is `unlinkat`.
  func remove(_ name: String) throws(Errno) {
    guard unlinkat(rawValue, name, 0) == 0 else { throw Errno.current }
  }

  /// Gives these bytes back to the disk; the file keeps its length. The corresponding C function is `fallocate`.
  func punchHole(_ range: Range<Int64>) throws(Errno) {
    if range.isEmpty { return }
    while true {
      let result = clinux_punch_hole(rawValue, range.lowerBound, range.upperBound - range.lowerBound)
      if result == 0 { return }
      if -result != EINTR { throw Errno(-result) }
    }
  }

  /// The first line of a small file; empty when it cannot be read.
  func firstLine() -> String {
    var bytes = [UInt8](repeating: 0, count: 64)
    let count = pread(rawValue, &bytes, bytes.count, 0)
    return String(decoding: bytes.prefix(max(0, count)).prefix { $0 != UInt8(ascii: "\n") }, as: UTF8.self)
  }

  /// Writes over the beginning, as well as it goes.
  func overwrite(_ text: String) {
    let bytes = Array(text.utf8)
    _ = pwrite(rawValue, bytes, bytes.count, 0)
  }

  /// Names in this directory, without `.` and `..`, in slices of at most `limit`; `body` says whether to go on.
  func forEachName(limit: Int, _ body: ([String]) -> Bool) {
    // fdopendir takes a descriptor over; `copy` closes its own.
    guard let copy = try? open(".", O_RDONLY | O_DIRECTORY), case let number = fcntl(copy.rawValue, F_DUPFD_CLOEXEC, 0),
      number >= 0
    else { return }
    guard let stream = fdopendir(number) else {
      Glibc.close(number)
      return
    }
    defer { closedir(stream) }
    var names: [String] = []
    while let item = readdir(stream) {
      let name = withUnsafePointer(to: &item.pointee.d_name) {
        $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
      }
      if name == "." || name == ".." { continue }
      names.append(name)
      if names.count == limit {
        if !body(names) { return }
        names = []
      }
    }
    if !names.isEmpty { _ = body(names) }
  }
}

extension stat {
  /// What counts against the bound.
  var allocatedBytes: Int64 { Int64(st_blocks) * 512 }
}
