import Glibc
import Platform

/// Whole small files (of /proc, /etc, a mount's control directory): at most 16 MiB.
enum SmallFile {
  /// nil where it cannot be read.
  static func read(_ path: String) -> String? {
    guard let bytes = try? bytes(path) else { return nil }
    return String(decoding: bytes, as: UTF8.self)
  }

  static func bytes(_ path: String) throws(Errno) -> [UInt8] {
    let file = try FileDescriptor.open(path, O_RDONLY)
    let chunk = UnsafeMutableRawBufferPointer.allocate(byteCount: 64 * 1024, alignment: 16)
    defer { chunk.deallocate() }
    var bytes: [UInt8] = []
    while bytes.count < 16 << 20 {
      let count = try file.read(into: chunk, at: Int64(bytes.count))
      bytes += chunk[..<count]
      if count < chunk.count { break }
    }
    return bytes
  }
}
