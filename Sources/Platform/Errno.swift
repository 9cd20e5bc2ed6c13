import Glibc

/// An error number of the operating system. A struct around the raw number, so that a number unknown here is still
/// carried and printed. The corresponding C name is `errno`.
package struct Errno: Error, Equatable, Hashable, Sendable {
  package let rawValue: CInt

  package init(_ rawValue: CInt) { self.rawValue = rawValue }

  /// The calling thread's `errno`, to be read directly after the failed call.
  package static var current: Errno { Errno(errno) }

  package static let notPermitted = Errno(EPERM)
  package static let noEntry = Errno(ENOENT)
  package static let interrupted = Errno(EINTR)
  package static let inputOutput = Errno(EIO)
  package static let badDescriptor = Errno(EBADF)
  package static let tryAgain = Errno(EAGAIN)
  package static let noMemory = Errno(ENOMEM)
  package static let accessDenied = Errno(EACCES)
  package static let busy = Errno(EBUSY)
  package static let exists = Errno(EEXIST)
  package static let notDirectory = Errno(ENOTDIR)
  package static let isDirectory = Errno(EISDIR)
  package static let invalid = Errno(EINVAL)
  package static let notTerminal = Errno(ENOTTY)
  package static let noSpace = Errno(ENOSPC)
  package static let readOnly = Errno(EROFS)
  package static let nameTooLong = Errno(ENAMETOOLONG)
  package static let notSupported = Errno(ENOSYS)
  package static let noData = Errno(ENODATA)
  package static let range = Errno(ERANGE)
  package static let stale = Errno(ESTALE)
  package static let notConnected = Errno(ENOTCONN)
}

extension Errno: CustomStringConvertible {
  package var description: String { String(cString: strerror(rawValue)) }
}
