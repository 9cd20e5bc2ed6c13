import CCurl
package import Platform
import Synchronization

/// The transfer thread: every HTTP exchange of the daemon runs on it, by curl's multi interface.
///
/// Callers hand in transfers, cancellations and timers through one locked inbox and wake the thread; sinks and timers
/// are called on it. Nothing on it blocks: names are resolved by curl's own threads, and a body goes to a sink that
/// must not wait. The corresponding C functions are `curl_multi_perform`, `curl_multi_poll` and `curl_multi_wakeup`.
package final class TransferLoop: Sendable, Scheduler {
  package struct Options: Sendable {
    /// Transfers in flight at a time, and idle connections kept.
    package var maxConnections = 64
    package var connectTimeout = Interval.seconds(10)
    /// Slower than so many bytes a second for `stallTime` is a stall, and the transfer fails.
    package var stallRate = 1024
    package var stallTime = Interval.seconds(10)
    /// A file of certificates (PEM) to trust instead of the system's.
    package var caBundle: String?
    package var userAgent = "zarrfs"
    /// false: the environment's proxies are not used.
    package var usesProxies = true

    package init() {}
  }

  /// What other threads hand in. Guarded by its monitor.
  struct Inbox: Sendable {
    var submitted: [HTTPTransfer] = []
    var cancelled: [HTTPTransfer] = []
    var promoted: [HTTPTransfer] = []
    var timers: [(deadline: MonotonicTime, body: @Sendable () -> Void)] = []
    var stopping = false
    /// The thread takes no more.
    var finished = false

    var isEmpty: Bool { submitted.isEmpty && cancelled.isEmpty && promoted.isEmpty && timers.isEmpty }
  }

  /// curl_multi_wakeup may be called from any thread while the handle lives: as long as the loop does.
  private struct Multi: @unchecked Sendable { let handle: UnsafeMutableRawPointer }

  private let options: Options
  private let multi: Multi
  private let time = SystemTimeSource()
  private let inbox = Monitor(Inbox())
  private let thread = Monitor<Thread?>(nil)
  private let lastID = Atomic<UInt64>(0)

  private static let initialized: Bool = curl_global_init(Int(CURL_GLOBAL_DEFAULT)) == CURLE_OK

  /// Starts no thread yet: may be made before the daemon forks.
  package init(options: Options = Options()) {
    self.options = options
    guard Self.initialized, let handle = curl_multi_init() else { fatalError("libcurl cannot be initialised") }
    multi = Multi(handle: handle)
  }

  deinit { curl_multi_cleanup(multi.handle) }

  /// Starts the thread. Call once.
  package func start() throws(Errno) {
    let started = try Thread.start("transfers") { [self] in
      let worker = TransferWorker(multi: multi.handle, options: options, time: time) { self.collect(isIdle: $0) }
      worker.run()
    }
    thread.withLock { $0 = started }
  }

  /// Ends every transfer with `cancelled`, runs every timer at once, and waits for the thread. Not on the thread itself.
  package func stop() {
    inbox.withLock { $0.stopping = true }
    curl_multi_wakeup(multi.handle)
    thread.withLock { (thread: inout Thread?) -> Thread? in
      defer { thread = nil }
      return thread
    }?.join()
  }

  /// Queues a transfer. After `stop` its sink is told `cancelled` at once.
  package func submit(_ request: HTTPRequest, to sink: any HTTPResponseSink) -> HTTPTransfer {
    let id = lastID.wrappingAdd(1, ordering: .relaxed).newValue
    let transfer = HTTPTransfer(id: id, request: request, sink: sink, loop: self)
    let isLate = post { $0.submitted.append(transfer) }
    if isLate { transfer.end(HTTPFailure(.cancelled, "the transfer loop has stopped")) }
    return transfer
  }

  package func after(_ interval: Interval, _ body: @escaping @Sendable () -> Void) {
    let deadline = time.monotonic() + interval
    let isLate = post { $0.timers.append((deadline, body)) }
    if isLate { body() }
  }

  func cancel(_ transfer: HTTPTransfer) { _ = post { $0.cancelled.append(transfer) } }
  func promote(_ transfer: HTTPTransfer) { _ = post { $0.promoted.append(transfer) } }

  /// Puts something into the inbox and wakes the thread; true when the thread has ended.
  private func post(_ body: (inout Inbox) -> Void) -> Bool {
    let (isLate, wasEmpty) = inbox.withLock { inbox in
      if inbox.finished { return (true, false) }
      let wasEmpty = inbox.isEmpty
      body(&inbox)
      return (false, wasEmpty)
    }
    if wasEmpty { curl_multi_wakeup(multi.handle) }
    return isLate
  }

  /// The thread's turn: all that is in the inbox. When stopping and nothing is left, there or here, the inbox closes.
  private func collect(isIdle: Bool) -> Inbox {
    inbox.withLock { inbox in
      let taken = inbox
      if inbox.stopping, isIdle, inbox.isEmpty { inbox.finished = true }
      inbox.submitted = []
      inbox.cancelled = []
      inbox.promoted = []
      inbox.timers = []
      var result = taken
      result.finished = inbox.finished
      return result
    }
  }
}
