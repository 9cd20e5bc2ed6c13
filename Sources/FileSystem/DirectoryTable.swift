import Fetch
import Objects

/// Directories that are open. Pure.
struct DirectoryTable {
  enum Source {
    case stream(ListingStream)
    /// Of the control directory.
    case fixed([DirectoryEntry])
  }

  struct Open {
    var inode: InodeNumber
    var parent: InodeNumber
    var source: Source
  }

  private let limit: Int
  private var handles: [UInt64: Open] = [:]
  private var next: UInt64 = 1
  /// The listing that the kernel was last given of a directory, and may have kept.
  private var given: [InodeNumber: ListingIdentity] = [:]

  init(limit: Int) { self.limit = limit }

  var count: Int { handles.count }

  subscript(handle: DirectoryHandle) -> Open? { handles[handle.rawValue] }

  /// nil when too many are open.
  mutating func open(_ directory: Open) -> DirectoryHandle? {
    guard handles.count < limit else { return nil }
    var mayKeep = false
    if case .stream(let stream) = directory.source {
      mayKeep = stream.identity != nil && stream.identity == given[directory.inode]
      if given.count >= 4096 { given.removeAll() }
      given[directory.inode] = stream.identity
    }
    let handle = DirectoryHandle(rawValue: next, mayKeepCache: mayKeep)
    next += 1
    handles[handle.rawValue] = directory
    return handle
  }

  mutating func close(_ handle: DirectoryHandle) -> Open? { handles.removeValue(forKey: handle.rawValue) }
}
