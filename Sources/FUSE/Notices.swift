import Objects
import Platform

/// What the kernel is to be told of without having asked, on a thread of its own.
///
/// The kernel may make the teller wait for a READ of the same inode (an inode that is being dropped waits for its pages), so
/// nobody who answers READs may tell. What is not told costs a reader a second error.
final class Notices: Sendable {
  private struct State {
    var waiting: [InodeNumber] = []
    var isClosed = false
    var isTelling = false
  }

  /// More than wait are dropped: one object that changed is told again by its next reader.
  private static let most = 1024

  private let state = Monitor(State())

  func add(_ inode: InodeNumber) {
    state.withLockNotifying { state in
      guard !state.isClosed, state.waiting.count < Self.most, !state.waiting.contains(inode) else { return }
      state.waiting.append(inode)
    }
  }

  /// Begins; until `close`, each inode is given to `tell`.
  func start(_ tell: @escaping @Sendable (InodeNumber) -> Void) throws(Errno) {
    try Thread.startDetached("fuse-notices") { [self] in
      while let next = next() {
        tell(next)
        state.withLockNotifying { $0.isTelling = false }
      }
    }
  }

  private func next() -> InodeNumber? {
    state.wait { state -> InodeNumber?? in
      if state.isClosed { return .some(nil) }
      if state.waiting.isEmpty { return nil }
      state.isTelling = true
      return .some(state.waiting.removeFirst())
    }
  }

  /// Nothing is told afterwards; one that the kernel keeps waiting is waited for no longer than until `deadline`.
  func close(until deadline: MonotonicTime) {
    state.withLockNotifying { $0.isClosed = true }
    _ = state.wait(until: deadline) { $0.isTelling ? nil : true }
  }
}
