import Cache
import ObjectStorage
import Objects
import Platform

/// The life of a part: started when the budget has room, told of each arrival, ended once.
extension Fetcher {
  /// Does what was decided under the lock.
  func run(_ effects: FetcherState.Effects) {
    for part in effects.cancel { cancel(part) }
    for transfer in effects.promote { transfer.promote() }
    for part in effects.start { start(part) }
    for transfer in effects.open { start(transfer) }
  }

  func start(_ part: PartTransfer) {
    guard let storage = makeStorage(for: part) else {
      return ended(part, .abandoned, window: nil, kept: 0, hasNoRoom: true)
    }
    part.storage = storage
    let isWhole = part.range == 0..<part.object.version.size
    // Whole objects without a Range header: the store can then check what the server says of the whole.
    let now = time.monotonic()
    let asked = state.withLock { _ in
      part.started = now
      return part.priority
    }
    let request = GetRequest(
      key: part.object.key, range: isWhole ? .whole : .bytes(part.range), expected: part.object.version,
      priority: asked)
    let transfer = store.get(request, to: part)
    let (isCancelled, priority) = state.withLock { state in
      // It may have ended already; a transfer holds its receiver, so the two would hold each other for ever.
      if state.transfers[part.id] != nil { part.transfer = transfer }
      return (part.isCancelled, part.priority)
    }
    if isCancelled { transfer.cancel() }
    if priority > request.priority { transfer.promote() }
  }

  /// nil: the cache has no room for the part, and it is a prefetch, or too long for memory: its READs go by windows.
  func makeStorage(for part: PartTransfer) -> PartStorage? {
    if let body = part.body {
      keepIndex(of: part.object, in: body)
      if let fill = body.beginFill(part.range), fill.range == part.range { return PartStorage(part.range, fill: fill) }
      if state.withLock({ _ in part.priority }) == .prefetch {
        counters.prefetchesDropped.add(1)
        return nil
      }
      if Int64(part.range.count) > planner.windowSize { return nil }
    }
    counters.partsInMemory.add(1)
    return PartStorage(part.range, fill: nil)
  }

  func progressed(_ part: PartTransfer, arrived: Int64, by count: Int64) {
    noteArrived(part, arrived: arrived, by: count)
    let (reads, priority) = state.withLock { state in
      (state.take(state.table.progress(part.id, arrived: arrived)), part.priority)
    }
    let counter = priority == .demand ? counters.bytesFromRemote : counters.bytesPrefetched
    counter.add(count)
    deliver(reads)
  }

  /// The part is over, its storage finished. `kept` bytes from its lower bound on may stay.
  /// `isDamaged`: the bytes were not those of the object's checksum; they are fetched anew, some times.
  /// `headed`: when the head of a complete one came.
  func ended(
    _ part: PartTransfer, _ end: FetchTable.End, window: MemoryWindow?, kept: Int64, hasNoRoom: Bool = false,
    isDamaged: Bool = false, headed: MonotonicTime? = nil
  ) {
    let now = time.monotonic()
    var effects = FetcherState.Effects()
    let (ready, failed, again, dropped) = state.withLockNotifying { state in
      if let started = part.started, let headed {
        state.link.note(firstByte: headed - started, bytes: Int64(part.range.count), duration: now - headed)
        noteMeasured(state.link.roundTripBytes)
      }
      let consequences = state.table.end(part.id, end, now: now)
      state.transfers[part.id] = nil
      state.budget.release(part.id)
      part.transfer = nil
      var dropped: [MemoryWindow] = []
      if let window, !state.isShutDown {
        dropped = state.windows.insert(
          window, of: part.object.inode, range: window.arrived, bytes: Int64(window.range.count))
      }
      if part.priority == .prefetch, kept > 0 {
        state.ledger.fetched(
          part.range.lowerBound..<part.range.lowerBound + kept, of: part.object.inode, key: part.object.key)
      }
      effects.cancel += consequences.cancel.compactMap { state.transfers[$0] }
      state.admit(&effects)
      return (
        state.take(consequences.ready), state.take(consequences.failed), state.take(consequences.again), dropped
      )
    }
    _ = dropped
    run(effects)
    deliver(ready)
    if case .failed(let failure) = end {
      if !failed.isEmpty { log.debug("a part failed", [("key", part.object.key.description)]) }
      for read in failed { finish(read, .failure(failure)) }
    }
    if hasNoRoom { for read in again { read.attempts = max(read.attempts, Self.attemptsWithCache) } }
    if isDamaged {
      log.warning("an object's bytes did not match its checksum", [("key", part.object.key.description)])
      for read in again { read.attempts += 1 }
    }
    retry(again)
  }

  /// What a part brought cannot be read from the cache's file: who needs it asks again, and this part is asked no more.
  func giveUp(_ part: PartTransfer) {
    let transfer = state.withLock { state in state.transfers[part.id] == nil ? nil : part.transfer }
    ended(part, .abandoned, window: nil, kept: 0)
    transfer?.cancel()
  }

  /// Stops a part: its end comes later, from the store; at once if it has not started.
  func cancel(_ part: PartTransfer) {
    let (wasWaiting, transfer): (Bool, (any Transfer)?) = state.withLock { state in
      part.isCancelled = true
      guard state.budget.isWaiting(part.id) else { return (false, part.transfer) }
      state.budget.release(part.id)
      return (true, nil)
    }
    if wasWaiting { ended(part, .abandoned, window: nil, kept: 0) } else { transfer?.cancel() }
  }
}
