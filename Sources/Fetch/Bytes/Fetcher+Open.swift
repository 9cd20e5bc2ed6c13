import Cache
package import ObjectStorage
package import Objects
import Platform
import Synchronization

/// GET on lookup: one round trip tells size and tag, and brings the bytes (design.md section 5).
extension Fetcher {
  /// What the budget takes for a GET of unknown size: most chunks are smaller, and the head corrects it.
  private static let assumedSize: Int64 = 1 << 20

  /// A body up to so long is mostly under way when its head is in.
  private static let worthBreakingOff: Int64 = 64 << 10

  /// Stands for the inode until it is known: an object of its own, so that lookups do not share one object's parts.
  private static func unknown(_ id: PartID) -> InodeNumber { InodeNumber(.max - id.rawValue) }

  /// The first GET of an object of unknown size. One GET for all who ask for the key meanwhile.
  ///
  /// Answers when the head is in; the body goes on filling the cache, and READs attach to it. `register` is called once
  /// per GET (of the first asker), on a thread of the store, with the version; it records the entry and must not wait.
  /// With prefetch priority and no room in the budget, answers `.unavailable` at once.
  /// `range`: what to ask for besides the head, of an object of which only parts are wanted; else its first part.
  package func open(
    _ key: ObjectKey, range: GetRequest.Range? = nil, priority: TransferPriority,
    register: @escaping @Sendable (ObjectVersion) -> ObjectReference,
    _ answer: @escaping @Sendable (Result<ObjectReference, FetchFailure>) -> Void
  ) -> (any PendingRead)? {
    var effects = FetcherState.Effects()
    var refusal: FetchFailure?
    let pending: PendingOpen? = state.withLock { state in
      if state.isShutDown {
        refusal = .unavailable(StoreError(.cancelled, "the mount is shutting down"))
        return nil
      }
      if let running = state.opens[key], !running.isCancelled {
        let pending = PendingOpen(running, fetcher: self, answer: answer)
        running.waiters.append(pending)
        if priority == .demand { promote(running, in: &state, &effects) }
        return pending
      }
      let transfer = OpenTransfer(
        id: state.table.nextPart(), key, range ?? .bytes(0..<configuration.partSize), priority: priority,
        fetcher: self, register: register)
      guard state.budget.enqueue(transfer.id, of: Self.unknown(transfer.id), bytes: Self.assumedSize, priority) else {
        refusal = .unavailable(StoreError(.cancelled, "no room to fetch ahead"))
        return nil
      }
      let pending = PendingOpen(transfer, fetcher: self, answer: answer)
      transfer.waiters = [pending]
      state.opens[key] = transfer
      state.openTransfers[transfer.id] = transfer
      if priority == .prefetch { effects.open.append(transfer) }
      state.admit(&effects)
      return pending
    }
    run(effects)
    if let refusal { answer(.failure(refusal)) }
    return pending
  }

  /// Somebody waits now for the head of what is fetched ahead, if it is.
  package func promote(_ key: ObjectKey) {
    var effects = FetcherState.Effects()
    state.withLock { state in
      guard let running = state.opens[key] else { return }
      promote(running, in: &state, &effects)
      state.admit(&effects)
    }
    run(effects)
  }

  func promote(_ open: OpenTransfer, in state: inout FetcherState, _ effects: inout FetcherState.Effects) {
    guard open.priority < .demand else { return }
    open.priority = .demand
    state.budget.promote(open.id)
    if let handle = open.transfer { effects.promote.append(handle) }
  }

  func start(_ open: OpenTransfer) {
    if case .suffix = open.range, refusesSuffixes.load(ordering: .relaxed) { return askHead(open) { _ in true } }
    let now = time.monotonic()
    let asked = state.withLock { _ in
      open.started = now
      return open.priority
    }
    let request = GetRequest(key: open.key, range: open.range, expected: nil, priority: asked)
    let transfer = store.get(request, to: open)
    let (isCancelled, priority) = state.withLock { state in
      // It may have ended already, or gone on to a HEAD.
      if !open.hasEnded, open.transfer == nil { open.transfer = transfer }
      if state.transfers[open.id] != nil { open.adopted?.transfer = transfer }
      return (open.isCancelled || open.adopted?.isCancelled == true, open.priority)
    }
    if isCancelled { transfer.cancel() }
    if priority > request.priority { transfer.promote() }
  }

  /// The head is in: answers the lookups; the part that takes the body, or nil where nobody needs it.
  func opened(_ open: OpenTransfer, _ head: GetHead) -> PartTransfer? {
    let object = open.register(head.version)
    let size = head.version.size
    var range = kept(of: head)
    let body = openBody(object)
    let isMissing = body.map { $0.missing(in: range) == [range] } ?? true
    let (part, waiters, moment): (PartTransfer?, [PendingOpen], UInt64) = state.withLock { state in
      if body == nil, !state.budget.hasRoom(Int64(range.count)) {
        range = range.lowerBound..<min(range.upperBound, range.lowerBound + Self.assumedSize)
      }
      let waiters = open.waiters
      open.waiters = []
      if state.opens[open.key] === open { state.opens[open.key] = nil }
      guard isMissing, !open.isCancelled, !state.isShutDown,
        let adopted = state.table.adopt(open.id, of: object.inode, range, open.priority)
      else { return (nil, waiters, state.table.moment) }
      let part = PartTransfer(
        id: adopted.id, object, range, body: body, priority: open.priority, fetcher: self)
      part.transfer = open.transfer
      part.started = open.started
      open.adopted = part
      state.transfers[part.id] = part
      state.openTransfers[part.id] = nil
      state.budget.settle(part.id, of: object.inode, bytes: Int64(range.count))
      return (part, waiters, state.table.moment)
    }
    part?.storage = part.flatMap { makeStorage(for: $0) ?? PartStorage($0.range, fill: nil) }
    for waiter in waiters { waiter.answer(.success(object)) }
    // What is about to be here costs less than the connection, which ends with what it carries.
    if part == nil,
      Int64(head.range.count) > Self.worthBreakingOff || state.withLock({ open.isCancelled || $0.isShutDown })
    {
      cancel(open)
    }
    if size > range.upperBound, size <= configuration.wholeLimit, body != nil, object.parts == nil {
      fetchAhead(object, 0..<size, open.priority, body: body, since: moment)
    }
    return part
  }

  /// Which of the bytes that a head announces are taken: whole blocks, so that they can be kept.
  private func kept(of head: GetHead) -> ByteRange {
    let size = head.version.size
    let block = BlockGeometry.blockSize
    let lower = (head.range.lowerBound + block - 1) / block * block
    // A server without ranges sends all: take it where the object is fetched whole anyway. Else no more than a part came.
    let isAll = head.range == 0..<size && size > configuration.wholeLimit
    var upper = isAll ? min(size, configuration.partSize) : head.range.upperBound
    // The next part begins at a block.
    if upper < size { upper = upper / block * block }
    return min(lower, upper)..<upper
  }

  /// The GET ended without a head.
  func openFailed(_ open: OpenTransfer, _ error: StoreError) {
    switch (open.range, error.kind) {
    // A server that cannot count from the end: not asked to again.
    case (.suffix, .unsatisfiable), (.suffix, .rejected):
      if error.kind != .unsatisfiable(size: 0) { refusesSuffixes.store(true, ordering: .relaxed) }
      askHead(open) { _ in true }
    // An empty object has no first byte to ask for; its version comes by HEAD.
    case (_, .unsatisfiable(let size)) where (size ?? 0) == 0: askHead(open) { $0.size == 0 }
    default: openEnded(open, .failure(FetchFailure(error)))
    }
  }

  /// The head alone, in place of a GET.
  private func askHead(_ open: OpenTransfer, isExpected: @escaping @Sendable (ObjectVersion) -> Bool) {
    let transfer = store.head(open.key, priority: state.withLock { _ in open.priority }) { result in
      switch result {
      case .success(let version) where isExpected(version):
        self.openEnded(open, .success(open.register(version)))
      case .success: self.openEnded(open, .failure(.changed))
      case .failure(let error): self.openEnded(open, .failure(FetchFailure(error)))
      }
    }
    let isCancelled = state.withLock { _ in
      if !open.hasEnded { open.transfer = transfer }
      return open.isCancelled
    }
    if isCancelled { transfer.cancel() }
  }

  /// Nothing more comes of the GET; who still waits for its head gets the answer.
  func openEnded(_ open: OpenTransfer, _ result: Result<ObjectReference, FetchFailure>? = nil) {
    var effects = FetcherState.Effects()
    let waiters = state.withLockNotifying { state in
      let waiters = open.waiters
      open.waiters = []
      open.hasEnded = true
      open.transfer = nil
      if state.opens[open.key] === open { state.opens[open.key] = nil }
      state.openTransfers[open.id] = nil
      state.budget.release(open.id)
      state.admit(&effects)
      return waiters
    }
    run(effects)
    if let result { for waiter in waiters { waiter.answer(result) } }
  }

  /// Its part has ended: who still holds the open (a reader's handle) shall not hold the part.
  func forget(_ open: OpenTransfer) {
    state.withLock { _ in
      open.hasEnded = true
      open.adopted = nil
      open.transfer = nil
    }
  }

  func cancel(_ open: OpenTransfer) {
    let (wasWaiting, transfer): (Bool, (any Transfer)?) = state.withLock { state in
      open.isCancelled = true
      guard state.budget.isWaiting(open.id) else { return (false, open.transfer) }
      state.budget.release(open.id)
      return (true, nil)
    }
    if wasWaiting { openEnded(open) } else { transfer?.cancel() }
  }

  /// Who waited for a head gave up; the last one stops the GET.
  func interrupt(_ pending: PendingOpen) {
    let open = pending.transfer
    let (wasThere, isLast) = state.withLock { state in
      guard let index = open.waiters.firstIndex(where: { $0 === pending }) else { return (false, false) }
      open.waiters.remove(at: index)
      return (true, open.waiters.isEmpty)
    }
    guard wasThere else { return }
    pending.answer(.failure(.interrupted))
    if isLast { cancel(open) }
  }
}
