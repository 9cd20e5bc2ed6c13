package import Glibc

/// A directory being enumerated, in the order of the file system. The corresponding C type is `DIR`.
package struct OpenDirectory: ~Copyable {
  private let stream: OpaquePointer

  /// Opens a path below a directory, as `FileDescriptor.open(beneath:)` does. The corresponding C function is `fdopendir`.
  package init(beneath root: borrowing FileDescriptor, _ path: some Collection<UInt8>) throws(Errno) {
    let opened = try FileDescriptor.open(beneath: root, path, O_RDONLY | O_DIRECTORY)
    // fdopendir takes a descriptor over; `opened` closes its own.
    let own = fcntl(opened.rawValue, F_DUPFD_CLOEXEC, 0)
    guard own >= 0 else { throw Errno.current }
    guard let stream = fdopendir(own) else {
      let failure = Errno.current
      Glibc.close(own)
      throw failure
    }
    self.stream = stream
  }

  deinit { closedir(stream) }

  /// Calls `body` for each name but `.` and `..`, with its `d_type` (DT_UNKNOWN where the file system does not say).
  package func forEach(_ body: (UnsafeRawBufferPointer, Int32) -> Void) throws(Errno) {
    while true {
      errno = 0
      guard let entry = readdir(stream) else {
        let failure = Errno.current
        if failure.rawValue != 0 { throw failure }
        return
      }
      withUnsafeBytes(of: &entry.pointee.d_name) { field in
        let name = UnsafeRawBufferPointer(
          rebasing: field[..<strnlen(field.baseAddress!.assumingMemoryBound(to: CChar.self), field.count)])
        if name.elementsEqual(".".utf8) || name.elementsEqual("..".utf8) { return }
        body(name, Int32(entry.pointee.d_type))
      }
    }
  }

  /// The status of a name in it; a link's own. The corresponding C function is `fstatat`.
  package func status(of name: some Collection<UInt8>) throws(Errno) -> stat {
    var status = stat()
    var text = ContiguousArray(name.map { CChar(bitPattern: $0) })
    text.append(0)
    let result = text.withUnsafeBufferPointer {
      fstatat(dirfd(stream), $0.baseAddress!, &status, AT_SYMLINK_NOFOLLOW)
    }
    guard result == 0 else { throw Errno.current }
    return status
  }

  /// Its own status. The corresponding C function is `fstat`.
  package func status() throws(Errno) -> stat {
    var status = stat()
    guard fstat(dirfd(stream), &status) == 0 else { throw Errno.current }
    return status
  }
}
