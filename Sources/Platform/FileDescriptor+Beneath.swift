import CLinux
import Glibc

extension FileDescriptor {
  /// Opens a path below a directory, never leaving it: what would (`..`, a link that leads out) is EXDEV or ELOOP.
  /// The path is bytes, without NUL; empty is the directory itself. The corresponding C function is `openat2`.
  package static func open(
    beneath directory: borrowing FileDescriptor, _ path: some Collection<UInt8>, _ flags: CInt
  ) throws(Errno) -> FileDescriptor {
    let result = withCString(path) { clinux_open_beneath(directory.rawValue, $0, flags) }
    guard result >= 0 else { throw Errno(-result) }
    return FileDescriptor(owning: result)
  }

  /// As `open`, for `status` only: needs no right to read, and does not block on a FIFO. The corresponding C flag is `O_PATH`.
  package static func locate(
    beneath directory: borrowing FileDescriptor, _ path: some Collection<UInt8>
  ) throws(Errno) -> FileDescriptor {
    let result = withCString(path) { clinux_locate_beneath(directory.rawValue, $0) }
    guard result >= 0 else { throw Errno(-result) }
    return FileDescriptor(owning: result)
  }

  private static func withCString(_ path: some Collection<UInt8>, _ body: (UnsafePointer<CChar>) -> CInt) -> CInt {
    var text = ContiguousArray<CChar>()
    text.reserveCapacity(path.count + 2)
    for byte in path { text.append(CChar(bitPattern: byte)) }
    if text.isEmpty { text.append(CChar(bitPattern: UInt8(ascii: "."))) }
    text.append(0)
    return text.withUnsafeBufferPointer { body($0.baseAddress!) }
  }
}
