package import ObjectStorage
package import Objects
import Platform

/// What a test does to the store. All of it may be called from any thread.
extension InMemoryStore {
  package enum Outage: Sendable {
    /// Requests are not answered until the outage ends.
    case stalling
    /// Requests are answered with the error.
    case failing(StoreError)
  }

  /// `StoreError.unavailable` as a server's 503.
  package static var unavailable: StoreError { StoreError(.unavailable, "memory: 503", status: 503) }

  // MARK: The bucket

  @discardableResult
  package func put(_ key: ObjectKey, _ bytes: [UInt8], modified: Int64? = nil, tag: String? = nil) -> ObjectVersion {
    state.withLock { $0.bucket.put(key, bytes, modified: modified, tag: tag) }
  }

  @discardableResult
  package func put(_ key: ObjectKey, _ text: String) -> ObjectVersion { put(key, Array(text.utf8)) }

  @discardableResult
  package func remove(_ key: ObjectKey) -> Bool { state.withLock { $0.bucket.remove(key) } }

  package func bytes(of key: ObjectKey) -> [UInt8]? { state.withLock { $0.bucket[key]?.bytes } }
  package func version(of key: ObjectKey) -> ObjectVersion? { state.withLock { $0.bucket[key]?.version } }

  /// Versions of objects written from now on have no tag.
  package func setHasTags(_ hasTags: Bool) { state.withLock { $0.bucket.hasTags = hasTags } }
  /// Each listing begins with so many pages that hold nothing.
  package func setEmptyPages(_ count: Int) { state.withLock { $0.bucket.emptyPages = count } }
  /// As a plain server that answers 200 to a request for a range.
  package func setIgnoresRanges(_ ignores: Bool) { state.withLock { $0.ignoresRanges = ignores } }
  /// As a bucket whose reader may not list it: 403 for what is absent.
  package func setAnswersForbiddenForAbsent(_ answers: Bool) {
    state.withLock { $0.answersForbiddenForAbsent = answers }
  }
  /// Bodies go out in pieces of at most so many bytes (64 KiB at first).
  package func setPieceSize(_ size: Int) { state.withLock { $0.pieceSize = size } }

  // MARK: What was asked

  package var requests: [Request] { state.withLock { $0.requests } }
  package var requestCount: Int { state.withLock { $0.requests.count } }
  package func count(_ kind: Request.Kind) -> Int { state.withLock { $0.requests.count { $0.kind == kind } } }
  package func count(_ kind: Request.Kind, _ key: ObjectKey) -> Int {
    state.withLock { $0.requests.count { $0.kind == kind && $0.key == key } }
  }
  /// Body bytes handed to receivers.
  package var bytesSent: Int64 { state.withLock { $0.bytesSent } }
  /// Requests asked and not answered to the end.
  package var pendingCount: Int { state.withLock { $0.pending.count } }

  /// Forgets what was asked; the bucket and the pending requests stay.
  package func resetCounts() {
    state.withLock {
      $0.requests = []
      $0.bytesSent = 0
    }
  }

  /// Waits until at least so many requests were ever asked (since `resetCounts`).
  package func waitForRequests(_ count: Int) {
    state.expect("\(count) requests") { $0.requests.count >= count ? true : nil }
  }

  /// Waits until at least so many requests of the kind were asked.
  package func waitForRequests(_ count: Int, _ kind: Request.Kind) {
    state.expect("\(count) requests of \(kind)") { $0.requests.count { $0.kind == kind } >= count ? true : nil }
  }

  /// Waits until so many bodies stand still at the mark of `holdBody`.
  package func waitForHeldBodies(_ count: Int) {
    state.expect("\(count) held bodies") { state in
      state.pending.count { state.isBodyHeld($0) } >= count ? true : nil
    }
  }

  // MARK: Order

  /// From now on nothing that matches is answered, and no body of it goes on, until `release`.
  package func hold(_ matches: @escaping @Sendable (Request) -> Bool = { _ in true }) {
    state.withLock { $0.hold = matches }
  }

  /// Only requests of the kind.
  package func hold(_ kind: Request.Kind) { hold { $0.kind == kind } }
  /// Only requests of the key.
  package func hold(_ key: ObjectKey) { hold { $0.key == key } }

  package func release() {
    state.withLockNotifying {
      $0.hold = nil
      $0.allowed = []
    }
  }

  /// Lets the first held request that matches through, whole. Whether there was one.
  @discardableResult
  package func releaseOne(_ matches: @escaping @Sendable (Request) -> Bool = { _ in true }) -> Bool {
    state.withLockNotifying { state in
      guard let operation = state.pending.first(where: { state.isHeld($0) && matches($0.request) }) else {
        return false
      }
      state.allowed.append(operation)
      return true
    }
  }

  /// Bodies that match stand still after so many bytes; with 0, after the head.
  package func holdBody(after bytes: Int, _ matches: @escaping @Sendable (Request) -> Bool = { _ in true }) {
    state.withLock { $0.bodyHold = (bytes, matches) }
  }

  package func releaseBodies() { state.withLockNotifying { $0.bodyHold = nil } }

  // MARK: Faults

  /// The next `count` requests that match are answered with the error.
  package func failNext(
    _ count: Int = 1, with error: StoreError = unavailable,
    _ matches: @escaping @Sendable (Request) -> Bool = { _ in true }
  ) {
    guard count > 0 else { return }
    state.withLock { $0.scripted.append(Scripted(left: count, error: error, afterBytes: nil, matches: matches)) }
  }

  /// As `failNext`, for one key.
  package func failNext(_ count: Int = 1, with error: StoreError = unavailable, key: ObjectKey) {
    failNext(count, with: error) { $0.key == key }
  }

  /// The bodies of the next `count` GETs that match break after so many bytes.
  package func failNextBody(
    _ count: Int = 1, after bytes: Int, with error: StoreError = unavailable,
    _ matches: @escaping @Sendable (Request) -> Bool = { _ in true }
  ) {
    guard count > 0 else { return }
    state.withLock {
      $0.scripted.append(
        Scripted(left: count, error: error, afterBytes: bytes) { $0.kind == .get && matches($0) })
    }
  }

  /// Begins or, with nil, ends an outage; what stalled is then answered.
  package func setOutage(_ outage: Outage?) { state.withLockNotifying { $0.outage = outage } }
}
