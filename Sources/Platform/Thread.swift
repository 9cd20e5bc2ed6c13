import CLinux
import Glibc

/// A thread of our own. The daemon never blocks Swift's cooperative pool; its threads are these.
package struct Thread {
  private final class Start {
    let name: String
    let body: @Sendable () -> Void
    init(name: String, body: @escaping @Sendable () -> Void) {
      self.name = name
      self.body = body
    }
  }

  private let handle: pthread_t

  /// Starts a thread with every signal blocked (one thread of the daemon waits for signals).
  /// `name` shows in `top -H`, at most 15 bytes. The corresponding C function is `pthread_create`.
  package static func start(
    _ name: String, stackSize: Int = 512 * 1024, _ body: @escaping @Sendable () -> Void
  ) throws(Errno) -> Thread {
    var attributes = pthread_attr_t()
    pthread_attr_init(&attributes)
    defer { pthread_attr_destroy(&attributes) }
    pthread_attr_setstacksize(&attributes, stackSize)

    var all = sigset_t()
    var previous = sigset_t()
    sigfillset(&all)
    pthread_sigmask(SIG_SETMASK, &all, &previous)
    defer { pthread_sigmask(SIG_SETMASK, &previous, nil) }

    let start = Unmanaged.passRetained(Start(name: name, body: body))
    var handle = pthread_t()
    let status = pthread_create(
      &handle, &attributes,
      { argument in
        let start = Unmanaged<Start>.fromOpaque(argument!).takeRetainedValue()
        clinux_set_thread_name(start.name)
        start.body()
        return nil
      }, start.toOpaque())
    guard status == 0 else {
      start.release()
      throw Errno(status)
    }
    return Thread(handle: handle)
  }

  /// Waits for the thread's end. Call once. The corresponding C function is `pthread_join`.
  package func join() { pthread_join(handle, nil) }
}

extension Thread: @unchecked Sendable {}
