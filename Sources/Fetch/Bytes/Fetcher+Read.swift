import Cache
import ObjectStorage
package import Objects
import Platform
import Zarr

extension Fetcher {
  /// Bytes `range` of a version, clipped to its size.
  ///
  /// Near: answers on this stack with `scratch` filled, and returns nil. Else parks `answer`, which then comes on a
  /// thread of the store (or on that of `interrupt`), exactly once; the bytes are valid during its call only.
  /// `scratch`: at least `range.count` bytes, used during this call only.
  package func read(
    _ object: ObjectReference, _ range: ByteRange, scratch: UnsafeMutableRawBufferPointer,
    _ answer: @escaping @Sendable (Result<UnsafeRawBufferPointer, FetchFailure>) -> Void
  ) -> (any PendingRead)? {
    let range = range.clamped(to: 0..<object.version.size)
    let destination = UnsafeMutableRawBufferPointer(rebasing: scratch[..<range.count])
    guard !range.isEmpty else {
      answer(.success(UnsafeRawBufferPointer(destination)))
      return nil
    }
    let size = object.version.size
    let body = openBody(object)
    var limits = configuration.readAheadLimits(isCached: body != nil)
    if object.parts != nil, let index = shardIndex(of: object, body) {
      // Who reads one inner chunk, or two, does not read the shard.
      limits.threshold = max(limits.threshold, 2 * index.longest + limits.first)
    }
    let (moment, ahead) = state.withLock { state in
      // Smaller objects are fetched whole: nothing is ahead of their readers.
      let ahead =
        size > configuration.wholeLimit || object.parts != nil
        ? state.noteRead(object.inode, range, size: size, limits: limits) : nil
      _ = state.ledger.read(range, of: object.inode)
      if range.lowerBound == 0 { state.expectation.read() }
      return (state.table.moment, ahead)
    }
    if let body, body.read(range, into: destination) {
      counters.hits.add(1)
      counters.bytesFromCache.add(Int64(range.count))
      answer(.success(UnsafeRawBufferPointer(destination)))
      if let ahead { fetchAhead(object, ahead, .prefetch, body: body, since: moment) }
      return nil
    }
    let read = ParkedRead(id: nextWaiter(), object, range, fetcher: self, answer: answer)
    read.ahead = ahead
    let isAnswered = resolve(read, into: destination)
    // What of it did not go with the READ's own GET.
    if let ahead { fetchAhead(object, ahead, .prefetch, body: body, since: moment) }
    return isAnswered ? nil : read
  }

  static let attemptsWithCache = 2

  /// Looks until the READ is answered (true) or parked (false).
  func resolve(_ read: ParkedRead, into destination: UnsafeMutableRawBufferPointer) -> Bool {
    while true {
      guard read.attempts < 8 else {
        let error = StoreError(.unavailable, "\(read.object.key): its bytes cannot be kept long enough to be read")
        finish(read, .failure(.unavailable(error)))
        return true
      }
      // A cache that lost bytes twice is not asked a third time.
      let isCached = read.attempts < Self.attemptsWithCache
      let size = read.object.version.size
      let body = isCached ? openBody(read.object) : nil
      let index = shardIndex(of: read.object, body)
      let inner: [ByteRange]? = index.map { scopes(of: read.range, $0, isCached: body != nil) }
      // All windows that the plan may touch.
      let wide =
        size <= planner.wholeLimit || inner != nil
        ? 0..<size : read.range.aligned(to: planner.windowSize, limit: size)
      let look = state.withLock { $0.look(read.object.inode, wide) }
      let missing = lacking(body, look.windows, in: read.range)
      if missing.isEmpty {
        if assemble(read.range, sources: [], look.windows, body, into: destination) {
          succeed(read, destination)
          return true
        }
        read.attempts += 1
        continue
      }
      let plain = planner.scope(
        of: read.range, size: size, ahead: read.ahead, isCached: body != nil, inParts: read.object.parts != nil)
      let plan = planner.parts(
        missing: missing + (inner ?? [plain]).flatMap { lacking(body, look.windows, in: $0) }, demand: read.range,
        size: size,
        isWanted: inner != nil)
      read.body = body
      switch admit(read, missing: missing, plan: plan, since: look.moment) {
      case .again: continue
      case .failed(let failure):
        finish(read, .failure(failure))
        return true
      case .parked: return false
      case .ready:
        if assemble(read.range, sources: read.sources, look.windows, body, into: destination) {
          succeed(read, destination)
          return true
        }
        read.attempts += 1
      }
    }
  }

  private enum Admission {
    case again
    case failed(FetchFailure)
    case ready
    case parked
  }

  private func admit(
    _ read: ParkedRead, missing: [ByteRange], plan: [RangePlanner.Part], since moment: UInt64
  ) -> Admission {
    let now = time.monotonic()
    var effects = FetcherState.Effects()
    let body = read.body
    let admission: Admission = state.withLock { state in
      if read.isInterrupted { return .failed(.interrupted) }
      if state.isShutDown {
        return .failed(.unavailable(StoreError(.cancelled, "the mount is shutting down")))
      }
      if awaitsOpening(read, in: &state, &effects) { return .parked }
      switch state.table.request(
        read.id, of: read.object.inode, read.range, missing: missing, plan: plan, since: moment, now: now)
      {
      case .again: return .again
      case .failed(let failure): return .failed(failure)
      case .admitted(let admitted):
        let dropped = state.enlist(admitted.start, of: read.object, body: body, fetcher: self, &effects)
        counters.prefetchesDropped.add(Int64(dropped))
        state.promote(admitted.promote, &effects)
        read.sources = admitted.sources.compactMap { state.transfers[$0] }
        if !read.hasWaited {
          read.hasWaited = true
          counters.misses.add(1)
        }
        if !admitted.isReady { state.reads[read.id] = read }
        state.admit(&effects)
        return admitted.isReady ? .ready : .parked
      }
    }
    run(effects)
    return admission
  }

  /// The object is being opened by a GET that will bring the bytes: a listing told its name before the head came.
  private func awaitsOpening(_ read: ParkedRead, in state: inout FetcherState, _ effects: inout FetcherState.Effects)
    -> Bool
  {
    guard !read.hasAwaitedOpen, let open = state.opens[read.object.key], !open.isCancelled,
      open.brings(read.range, size: read.object.version.size)
    else { return false }
    read.awaitsOpen = true
    read.hasAwaitedOpen = true
    if !read.hasWaited {
      read.hasWaited = true
      counters.misses.add(1)
    }
    open.waiters.append(
      PendingOpen(open, fetcher: self) { [self] _ in
        let isWaiting = self.state.withLock { _ in
          defer { read.awaitsOpen = false }
          return read.awaitsOpen
        }
        if isWaiting { retry([read]) }
      })
    promote(open, in: &state, &effects)
    state.admit(&effects)
    return true
  }

  private func succeed(_ read: ParkedRead, _ bytes: UnsafeMutableRawBufferPointer) {
    if !read.hasWaited {
      counters.hits.add(1)
      counters.bytesFromCache.add(Int64(bytes.count))
    }
    finish(read, .success(UnsafeRawBufferPointer(bytes)))
  }

  /// Their bytes are in: answers them on this thread of the store.
  func deliver(_ reads: [ParkedRead]) {
    for read in reads {
      withScratch(count: read.range.count) { scratch in
        let windows = state.withLock { $0.windows.use(read.object.inode, read.range) }
        if assemble(read.range, sources: read.sources, windows, read.body, into: scratch) {
          succeed(read, scratch)
        } else {
          read.attempts += 1
          _ = resolve(read, into: scratch)
        }
      }
    }
  }

  /// Reads whose parts went away: look anew.
  func retry(_ reads: [ParkedRead]) {
    for read in reads { withScratch(count: read.range.count) { _ = resolve(read, into: $0) } }
  }

  func interrupt(_ read: ParkedRead) {
    let parts: [PartTransfer]? = state.withLock { state in
      read.isInterrupted = true
      if read.awaitsOpen {
        read.awaitsOpen = false
        return []
      }
      guard let cancel = state.table.interrupt(read.id) else { return nil }
      state.reads[read.id] = nil
      return cancel.compactMap { state.transfers[$0] }
    }
    guard let parts else { return }
    finish(read, .failure(.interrupted))
    for part in parts { cancel(part) }
  }
}
