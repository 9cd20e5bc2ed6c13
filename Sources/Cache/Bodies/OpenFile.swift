import Platform

/// An open body, shared by those who read or write at this moment: closed when the last lets go, so that no descriptor
/// is closed, and its number reused, under a read.
final class OpenFile: Sendable {
  let descriptor: FileDescriptor
  let isWritable: Bool

  init(_ descriptor: consuming FileDescriptor, isWritable: Bool = true) {
    self.descriptor = descriptor
    self.isWritable = isWritable
  }
}
