import Glibc
import Objects
import Platform

/// Gives out inode numbers, none twice: body files carry them as names, and the kernel remembers them.
///
/// A block of numbers is reserved in a file of its own, synced, before its first is given out; a crash or a lost index
/// skips the rest of the block. 65,536 numbers cost one fdatasync.
struct InodeCounter {
  private static let block: UInt64 = 1 << 16

  private let path: String
  private(set) var next: UInt64
  private var reserved: UInt64

  /// `known`: where the index stands; `mayBeBehind`: the index was lost while bodies may be on disk, so without the
  /// file the clock has to tell where to go on.
  init(path: String, known: UInt64, mayBeBehind: Bool, now: WallTime) {
    self.path = path
    var start = max(known, InodeNumber.firstObject.rawValue)
    if let stored = Self.load(path) {
      start = max(start, stored)
    } else if mayBeBehind {
      start = max(start, UInt64(max(0, now.milliseconds)) << 12)
    }
    next = start
    reserved = start
  }

  mutating func take() -> UInt64 {
    if next >= reserved {
      reserved = next + Self.block
      store(reserved)
    }
    next += 1
    return next - 1
  }

  /// Everything below it may have been given out: what a clean stop writes down, so that no block is wasted.
  mutating func close() {
    guard reserved != next else { return }
    reserved = next
    store(next)
  }

  /// The cache directory was lost: the file has to be made again.
  mutating func persist() { store(reserved) }

  private static func load(_ path: String) -> UInt64? {
    guard let file = try? FileDescriptor.open(path, O_RDONLY | O_NOFOLLOW) else { return nil }
    return UInt64(file.firstLine())
  }

  /// Written over in place, with a fixed length: never half of a number.
  private func store(_ value: UInt64) {
    let digits = String(value)
    let text = String(repeating: "0", count: 20 - digits.count) + digits + "\n"
    guard let file = try? FileDescriptor.open(path, O_WRONLY | O_CREAT | O_NOFOLLOW) else { return }
    file.overwrite(text)
    fdatasync(file.rawValue)
  }
}
