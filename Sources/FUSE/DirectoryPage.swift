import CFUSE
import FileSystem
import Glibc
import Objects

/// The bytes of one READDIR or READDIRPLUS reply: as many entries as fit.
struct DirectoryPage: ~Copyable {
  private let buffer: UnsafeMutablePointer<CChar>
  private let capacity: Int
  private(set) var count = 0
  private let withAttributes: Bool

  /// `capacity` is what the kernel asked for, in bytes.
  init(capacity: Int, withAttributes: Bool) {
    self.capacity = capacity
    self.withAttributes = withAttributes
    buffer = .allocate(capacity: max(capacity, 1))
  }

  deinit { buffer.deallocate() }

  var bytes: UnsafeRawBufferPointer { UnsafeRawBufferPointer(start: buffer, count: count) }

  /// As many entries as may fit: a dirent is 24 bytes and its name, padded to 8; fuse_entry_out is 128 more.
  static func limit(capacity: Int, withAttributes: Bool) -> Int { max(capacity / (withAttributes ? 160 : 32), 1) }

  /// False when it does not fit. libfuse takes a request here and does not use it; ours may be answered already.
  mutating func append(_ entry: DirectoryEntry) -> Bool {
    var name = entry.name.bytes.map { CChar(bitPattern: $0) }
    name.append(0)
    let size: Int
    if withAttributes {
      var parameters = fuse_entry_param(
        entry.attributes, entryValid: entry.entryValid, attributesValid: entry.attributesValid)
      if entry.isDot { parameters.ino = 0 }
      size = fuse_add_direntry_plus(
        nil, buffer + count, capacity - count, name, &parameters, off_t(entry.offset))
    } else {
      var status = stat(entry.attributes)
      size = fuse_add_direntry(nil, buffer + count, capacity - count, name, &status, off_t(entry.offset))
    }
    guard size <= capacity - count else { return false }
    count += size
    return true
  }
}
