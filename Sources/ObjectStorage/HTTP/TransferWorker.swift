import CCurl
import Platform

/// What the transfer thread does and holds: it is made on that thread and never leaves it.
final class TransferWorker {
  private let multi: UnsafeMutableRawPointer
  private let options: TransferLoop.Options
  private let time: any TimeSource
  /// Told whether nothing is left to end.
  private let collect: (Bool) -> TransferLoop.Inbox

  private var queue: TransferQueue
  /// Waiting and in flight.
  private var transfers: [UInt64: HTTPTransfer] = [:]
  private var timers = TimerQueue<@Sendable () -> Void>()
  /// Handles to use again: making one costs more than resetting it.
  private var idleHandles: [UnsafeMutableRawPointer] = []

  init(
    multi: UnsafeMutableRawPointer, options: TransferLoop.Options, time: any TimeSource,
    collect: @escaping (Bool) -> TransferLoop.Inbox
  ) {
    self.multi = multi
    self.options = options
    self.time = time
    self.collect = collect
    queue = TransferQueue(limit: options.maxConnections)
    _ = ccurl_multi_set_long(multi, CURLMOPT_PIPELINING, Int(CURLPIPE_MULTIPLEX))
    _ = ccurl_multi_set_long(multi, CURLMOPT_MAXCONNECTS, options.maxConnections)
  }

  /// Until the inbox closes.
  func run() {
    while true {
      let news = collect(transfers.isEmpty && timers.next == nil)
      if news.finished { break }
      take(news)
      if news.stopping {
        endAll()
        continue
      }
      runTimers()
      // Until nothing ends any more: its place is filled, and curl begins, before the thread sleeps.
      repeat {
        startWaiting()
        var running: CInt = 0
        curl_multi_perform(multi, &running)
      } while finishDone()
      curl_multi_poll(multi, nil, 0, pollTimeout, nil)
    }
    for handle in idleHandles { curl_easy_cleanup(handle) }
  }

  private func take(_ news: TransferLoop.Inbox) {
    for transfer in news.submitted {
      transfers[transfer.id] = transfer
      queue.submit(transfer.id, transfer.request.priority)
    }
    for timer in news.timers { timers.insert(timer.body, at: timer.deadline) }
    for transfer in news.promoted { queue.promote(transfer.id) }
    for transfer in news.cancelled where transfers[transfer.id] != nil {
      finish(transfer, HTTPFailure(.cancelled, "cancelled"))
    }
  }

  private func runTimers() {
    let now = time.monotonic()
    while let body = timers.removeDue(at: now) { body() }
  }

  /// Until the next timer; curl shortens it to its own timers.
  private var pollTimeout: CInt {
    guard let next = timers.next else { return 60_000 }
    let left = (next - time.monotonic()).nanoseconds
    return CInt(min(60_000, max(0, left / 1_000_000 + 1)))
  }

  private func startWaiting() {
    while let id = queue.next() {
      guard let transfer = transfers[id] else { continue }
      guard let handle = idleHandles.popLast() ?? curl_easy_init() else {
        finish(transfer, HTTPFailure(.other, "out of memory"))
        continue
      }
      transfer.prepare(handle, options)
      let code = curl_multi_add_handle(multi, handle)
      if code != CURLM_OK { finish(transfer, HTTPFailure(.other, String(cString: curl_multi_strerror(code)))) }
    }
  }

  private func finishDone() -> Bool {
    var code = CURLE_OK
    var any = false
    while let handle = ccurl_multi_next_done(multi, &code) {
      any = true
      var context: UnsafeMutableRawPointer?
      _ = ccurl_get_private(handle, &context)
      guard let context else { continue }
      let transfer = Unmanaged<HTTPTransfer>.fromOpaque(context).takeUnretainedValue()
      finish(transfer, transfer.failure(of: code))
    }
    return any
  }

  /// Forgets the transfer, gives its handle back, and tells its sink.
  private func finish(_ transfer: HTTPTransfer, _ failure: HTTPFailure?) {
    queue.remove(transfer.id)
    transfers[transfer.id] = nil
    if let handle = transfer.release() {
      curl_multi_remove_handle(multi, handle)
      curl_easy_reset(handle)
      if idleHandles.count < options.maxConnections { idleHandles.append(handle) } else { curl_easy_cleanup(handle) }
    }
    transfer.end(failure)
  }

  /// The stop: what it wakes may submit more, which the next turn ends.
  private func endAll() {
    for transfer in transfers.values.sorted(by: { $0.id < $1.id }) {
      finish(transfer, HTTPFailure(.cancelled, "the transfer loop is stopping"))
    }
    for body in timers.removeAll() { body() }
  }
}
