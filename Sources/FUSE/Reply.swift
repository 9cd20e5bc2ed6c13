import CFUSE
import FileSystem
import Glibc
import Objects
import Platform

/// The one answer to one request of the kernel. Dropped without an answer, it answers EIO: a bug above must not hang
/// the reader.
final class Reply: Sendable {
  private let table: RequestTable
  private let number: UInt

  init(_ number: UInt, in table: RequestTable) {
    self.number = number
    self.table = table
  }

  deinit { table.answer(number) { fuse_reply_err($0, EIO) } }

  func fail(_ error: Errno) {
    table.answer(number) { fuse_reply_err($0, error.rawValue) }
  }

  /// False: the kernel did not take the entry (its caller was killed), so it holds no reference to the inode.
  func entry(_ attributes: Attributes, entryValid: Interval, attributesValid: Interval) -> Bool {
    var entry = fuse_entry_param(attributes, entryValid: entryValid, attributesValid: attributesValid)
    return table.answer(number) { fuse_reply_entry($0, &entry) } == 0
  }

  /// No such name, to be remembered for `valid`.
  func absent(valid: Interval) {
    guard valid > .zero else { return fail(.noEntry) }
    var entry = fuse_entry_param()
    entry.entry_timeout = valid.seconds
    table.answer(number) { fuse_reply_entry($0, &entry) }
  }

  func attributes(_ answer: AttributesAnswer) {
    var status = stat(answer.attributes)
    table.answer(number) { fuse_reply_attr($0, &status, answer.valid.seconds) }
  }

  /// Copied by the kernel during the call (docs/decisions/003-replies.md).
  @discardableResult
  func bytes(_ bytes: UnsafeRawBufferPointer) -> Bool {
    table.answer(number) {
      fuse_reply_buf($0, bytes.baseAddress?.assumingMemoryBound(to: CChar.self), bytes.count)
    } == 0
  }

  /// False: the caller was killed; nobody will release the handle.
  func opened(_ information: fuse_file_info) -> Bool {
    var information = information
    return table.answer(number) { fuse_reply_open($0, &information) } == 0
  }
}
