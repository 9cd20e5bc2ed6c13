import CFUSE
package import FileSystem
import Glibc
import Objects
package import Platform
import Synchronization

/// A mounted file system: from `init` (which mounts) to the return of `run` (which has unmounted).
///
/// The worker loop is ours: libfuse's own ends its threads with pthread_cancel, dies under the thread sanitizer and left
/// stale mounts; ours is also faster (style.md 4.1).
package final class Session: @unchecked Sendable {
  private struct State {
    var workers: [pthread_t] = []
    var isStopping = false
    /// A worker saw the end of the connection, or failed.
    var hasEnded = false
    var isServing = false
  }

  // Written once.
  private let session: OpaquePointer
  private let dispatcher: Dispatcher
  private let options: SessionOptions
  private let log: Log
  private let time: any TimeSource

  private let state = Monitor(State())
  private let notices = Notices()

  /// Requests that wait for their answer.
  package var waitingRequests: Int { dispatcher.requests.count }
  /// OPEN requests that came from the kernel.
  package var openRequests: Int { dispatcher.opens.load(ordering: .relaxed) }

  /// Mounts; nothing is answered until `run`. `options.mountpoint` must be absolute and without links.
  package init(
    serving fileSystem: any ServedFileSystem, options: SessionOptions, log: Log,
    time: any TimeSource = SystemTimeSource()
  ) throws(MountError) {
    self.options = options
    self.log = log
    self.time = time
    LibraryLog.start()
    dispatcher = Dispatcher(fileSystem: fileSystem, options: options)
    var table = Operations.table()
    let userdata = Unmanaged.passUnretained(dispatcher).toOpaque()
    guard let session = cfuse_session_new(options.mountOptions, &table, userdata) else {
      throw MountError("libfuse refused the mount options: \(LibraryLog.recent())")
    }
    self.session = session
    guard cfuse_session_mount(session, options.mountpoint) == 0 else {
      // The end of the object, which is whole by now, gives the session back.
      throw MountError("cannot mount on \(options.mountpoint): \(LibraryLog.recent())")
    }
    fileSystem.onReplaced { [notices] in notices.add($0) }
  }

  deinit {
    fuse_session_unmount(session)
    fuse_session_destroy(session)
  }

  /// Serves until the file system is unmounted from outside or `stop` is called, then unmounts and returns. Call once.
  /// `onServing` is called once the kernel and the daemon have agreed: from then on every request is answered.
  package func run(onServing: () -> Void = {}) {
    var threads: [Thread] = []
    // The first message is INIT; more workers before it would only race for it.
    start(&threads)
    let isServing = state.wait { $0.isServing ? true : $0.hasEnded || $0.isStopping ? false : nil }
    if isServing {
      for _ in 1..<max(options.workers, 1) { start(&threads) }
      ReadAhead.raise(at: options.mountpoint, log: log)
      startNotices()
      onServing()
    }
    _ = state.wait { $0.hasEnded || $0.isStopping ? true : nil }
    wakeWorkers()
    for thread in threads { thread.join() }
    let deadline = time.monotonic() + .seconds(2)
    dispatcher.requests.close(until: deadline)
    notices.close(until: deadline)
    fuse_session_unmount(session)
  }

  /// Ends `run`. From any thread, at any time.
  package func stop() { state.withLockNotifying { $0.isStopping = true } }

  private func start(_ threads: inout [Thread]) {
    do throws(Errno) {
      threads.append(try Thread.start("fuse-\(threads.count)") { self.work() })
    } catch {
      log.error("a worker thread could not be started", [("reason", "\(error)")])
      if threads.isEmpty { stop() }
    }
  }

  /// The thread keeps the session, should the kernel make it wait beyond the end.
  private func startNotices() {
    do throws(Errno) {
      // Attributes alone: to drop pages as well would wait for the READs of them.
      try notices.start { inode in fuse_lowlevel_notify_inval_inode(self.session, inode.rawValue, -1, 0) }
    } catch {
      log.warning("no thread: who meets a replaced object gets errors until --ttl is over", [("reason", "\(error)")])
    }
  }

  private func work() {
    state.withLock { $0.workers.append(pthread_self()) }
    cfuse_allow_wakeup()
    var buffer = fuse_buf()
    while fuse_session_exited(session) == 0 {
      let count = cfuse_receive(session, &buffer)
      if count == -EINTR || count == -EAGAIN { continue }
      if count <= 0 {
        if count < 0 { log.error("the kernel's requests cannot be read", [("reason", "\(Errno(-count))")]) }
        break
      }
      cfuse_process(session, &buffer)
      if dispatcher.hasInitialised { announce() }
    }
    free(buffer.mem)
    Scratch.release()
    state.withLockNotifying { state in
      state.hasEnded = true
      state.workers.removeAll { pthread_equal($0, pthread_self()) != 0 }
    }
  }

  private func announce() {
    guard state.withLock({ !$0.isServing }) else { return }
    state.withLockNotifying { $0.isServing = true }
  }

  /// A worker may be just before its read when the signal comes, so it is sent until all have left.
  private func wakeWorkers() {
    fuse_session_exit(session)
    while true {
      state.withLock { state in
        for worker in state.workers { pthread_kill(worker, SIGURG) }
      }
      let haveLeft = state.wait(until: time.monotonic() + .milliseconds(5)) { $0.workers.isEmpty ? true : nil }
      if haveLeft == true { return }
    }
  }
}
