import Glibc

extension Thread {
  /// Starts a thread that nobody joins: its stack is given back when it ends. The corresponding C function is `pthread_detach`.
  package static func startDetached(
    _ name: String, stackSize: Int = 512 * 1024, _ body: @escaping @Sendable () -> Void
  ) throws(Errno) {
    // By the thread itself: by us it could be too late.
    _ = try start(name, stackSize: stackSize) {
      pthread_detach(pthread_self())
      body()
    }
  }
}
