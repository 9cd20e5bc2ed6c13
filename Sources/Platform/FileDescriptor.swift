package import Glibc

/// An open file, closed once: at the end of its life.
package struct FileDescriptor: ~Copyable, Sendable {
  package let rawValue: CInt

  /// Takes ownership of an open descriptor.
  package init(owning rawValue: CInt) { self.rawValue = rawValue }

  deinit { _ = Glibc.close(rawValue) }

  /// Opens with O_CLOEXEC. The corresponding C function is `open`.
  package static func open(_ path: String, _ flags: CInt, mode: mode_t = 0o600) throws(Errno) -> FileDescriptor {
    while true {
      let descriptor = Glibc.open(path, flags | O_CLOEXEC, mode)
      if descriptor >= 0 { return FileDescriptor(owning: descriptor) }
      if errno != EINTR { throw Errno.current }
    }
  }

  /// Reads at an offset until the buffer is full or the file ends; the count read. The corresponding C function is `pread`.
  package func read(into buffer: UnsafeMutableRawBufferPointer, at offset: Int64) throws(Errno) -> Int {
    var done = 0
    while done < buffer.count {
      let count = pread(rawValue, buffer.baseAddress! + done, buffer.count - done, off_t(offset) + done)
      if count == 0 { break }
      if count < 0 {
        if errno == EINTR { continue }
        throw Errno.current
      }
      done += count
    }
    return done
  }

  /// The kernel begins to read the range into the page cache; nobody waits. A hint: it may not. The corresponding C
  /// function is `posix_fadvise`.
  package func willNeed(_ range: Range<Int64>) {
    _ = posix_fadvise(rawValue, off_t(range.lowerBound), off_t(range.count), POSIX_FADV_WILLNEED)
  }

  /// Writes all of it at an offset. The corresponding C function is `pwrite`.
  package func write(_ buffer: UnsafeRawBufferPointer, at offset: Int64) throws(Errno) {
    var done = 0
    while done < buffer.count {
      let count = pwrite(rawValue, buffer.baseAddress! + done, buffer.count - done, off_t(offset) + done)
      if count < 0 {
        if errno == EINTR { continue }
        throw Errno.current
      }
      done += count
    }
  }

  /// The corresponding C function is `fstat`.
  package func status() throws(Errno) -> stat {
    var status = stat()
    guard fstat(rawValue, &status) == 0 else { throw Errno.current }
    return status
  }

  /// The corresponding C function is `ftruncate`.
  package func truncate(to size: Int64) throws(Errno) {
    guard ftruncate(rawValue, off_t(size)) == 0 else { throw Errno.current }
  }
}
