import CFUSE
import FileSystem
import Platform

/// A request of the kernel that waits for its answer: libfuse's handle, usable from any thread.
struct KernelRequest: @unchecked Sendable {
  let pointer: fuse_req_t
}

/// Every request that has no answer yet. Being in the table is the right to answer: whoever takes a request out
/// answers it, so each is answered once, whatever races (an answer, a signal, the end of the mount).
///
/// libfuse calls the interrupt function with a pointer that it read before the answer of another thread went out; that
/// is why requests are known by a number that is never used twice and not by an address.
final class RequestTable: Sendable {
  private struct Entry {
    var request: KernelRequest
    var pending: (any PendingRequest)?
    var wasInterrupted = false
  }

  private struct State {
    var nextNumber: UInt = 1
    var entries: [UInt: Entry] = [:]
    /// Answers being written just now.
    var replying = 0
  }

  private let state = Monitor(State())

  /// How many requests wait.
  var count: Int { state.withLock { $0.entries.count } }

  func begin(_ request: fuse_req_t) -> UInt {
    let request = KernelRequest(pointer: request)
    return state.withLock { state in
      let number = state.nextNumber
      state.nextNumber += 1
      state.entries[number] = Entry(request: request)
      return number
    }
  }

  /// The request will be answered later. True: a signal came in the meantime, so interrupt `pending` now.
  func park(_ number: UInt, _ pending: any PendingRequest) -> Bool {
    state.withLock { state in
      guard state.entries[number] != nil else { return false }
      state.entries[number]!.pending = pending
      return state.entries[number]!.wasInterrupted
    }
  }

  /// A signal came for the request: what to interrupt, if it is parked already.
  func interrupt(_ number: UInt) -> (any PendingRequest)? {
    state.withLock { state in
      guard state.entries[number] != nil else { return nil }
      state.entries[number]!.wasInterrupted = true
      return state.entries[number]!.pending
    }
  }

  /// Answers the request with `body`, unless it was answered; nil then.
  @discardableResult
  func answer(_ number: UInt, _ body: (fuse_req_t) -> CInt) -> CInt? {
    // The entry leaves the lock before it dies: what it holds may run code of others when released.
    let entry = state.withLock { state in
      let entry = state.entries.removeValue(forKey: number)
      if entry != nil { state.replying += 1 }
      return entry
    }
    guard let entry else { return nil }
    let result = body(entry.request.pointer)
    state.withLockNotifying { $0.replying -= 1 }
    return result
  }

  /// Before the session goes: interrupts what waits, gives it until `deadline` to be answered, then drops the rest
  /// without a word (the kernel answers those itself when the connection closes). Later answers go nowhere.
  func close(until deadline: MonotonicTime) {
    for pending in state.withLock({ $0.entries.values.compactMap(\.pending) }) { pending.interrupt() }
    _ = state.wait(until: deadline) { $0.entries.isEmpty ? true : nil }
    let left = state.withLock { state in
      let left = Array(state.entries.values)
      state.entries = [:]
      return left
    }
    for entry in left { fuse_reply_none(entry.request.pointer) }
    _ = state.wait { $0.replying == 0 ? true : nil }
  }
}
