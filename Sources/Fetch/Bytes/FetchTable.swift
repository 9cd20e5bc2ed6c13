package import ObjectStorage
package import Objects
package import Platform

/// What is on its way, and who waits for it: one GET per missing range, however many readers. Pure; events in, actions out.
///
/// Bytes live elsewhere. A part tells how many of its bytes have arrived, in order; a waiter is ready as soon as, in each
/// part that it needs, its own bytes are in. Whoever gets a waiter out of the table answers it: that makes answers single.
///
/// What is missing is found outside of the table's lock, so a part may end in between: `moment` is taken before the look
/// into the cache and handed over with the request, and the answer is `again` when a part of the object ended since.
package struct FetchTable: Sendable {
  package struct Part: Equatable, Sendable {
    package let id: PartID
    package let inode: InodeNumber
    package let range: ByteRange
    package var priority: TransferPriority
    /// Bytes in, from the lower bound on.
    package var arrived: Int64 = 0
    /// Cancelled, its end not yet seen.
    package var isLeaving = false

    fileprivate func has(_ wanted: ByteRange) -> Bool {
      range.lowerBound + arrived >= min(range.upperBound, wanted.upperBound)
    }
  }

  private struct Waiter {
    let inode: InodeNumber
    let range: ByteRange
    /// Parts whose bytes it needs and lacks.
    var lacks: [PartID]
  }

  private struct Object {
    var parts: [PartID] = []
    var waiters: [WaiterID] = []
  }

  private var parts: [PartID: Part] = [:]
  private var waiters: [WaiterID: Waiter] = [:]
  private var objects: [InodeNumber: Object] = [:]
  private var failures: RecentFailures
  private var lastID: UInt64 = 0
  /// The last parts that ended, the newest last.
  private var ends: [(inode: InodeNumber, moment: UInt64)] = []
  /// How many parts ended.
  package private(set) var moment: UInt64 = 0

  package init(failureMemory: Interval = .seconds(1)) { failures = RecentFailures(memory: failureMemory) }

  package var partCount: Int { parts.count }
  package var waiterCount: Int { waiters.count }
  package var isEmpty: Bool { parts.isEmpty && waiters.isEmpty }
  package func part(_ id: PartID) -> Part? { parts[id] }

  package mutating func nextPart() -> PartID {
    lastID += 1
    return PartID(lastID)
  }

  // MARK: Requests

  /// A READ of `range`, of which `missing` is not near. `plan` holds at least what is missing.
  package mutating func request(
    _ waiter: WaiterID, of inode: InodeNumber, _ range: ByteRange, missing: [ByteRange], plan: [RangePlanner.Part],
    since: UInt64, now: MonotonicTime
  ) -> Admission {
    precondition(waiters[waiter] == nil, "a waiter waits twice")
    if hasEnded(inode, since: since) { return .again }
    if let failure = failures.find(inode, missing, now) { return .failed(failure) }
    let start = add(plan, of: inode)
    var sources: [PartID] = []
    var lacks: [PartID] = []
    var promote: [PartID] = []
    for id in objects[inode]?.parts ?? [] {
      guard let part = parts[id], missing.contains(where: { $0.overlaps(part.range) }) else { continue }
      sources.append(id)
      if !part.has(range) { lacks.append(id) }
      if part.priority == .prefetch {
        parts[id]?.priority = .demand
        promote.append(id)
      }
    }
    if !lacks.isEmpty {
      waiters[waiter] = Waiter(inode: inode, range: range, lacks: lacks)
      objects[inode, default: Object()].waiters.append(waiter)
    }
    return .admitted(Admitted(isReady: lacks.isEmpty, start: start, sources: sources, promote: promote))
  }

  /// Parts without a waiter: ahead of the readers, or the rest of an object. nil: look again.
  package mutating func prefetch(
    _ inode: InodeNumber, _ plan: [RangePlanner.Part], since: UInt64, now: MonotonicTime
  ) -> [Part]? {
    if hasEnded(inode, since: since) { return nil }
    if failures.find(inode, plan.map(\.range), now) != nil { return [] }
    return add(plan, of: inode)
  }

  /// A GET that runs already turned out to be for this object. nil: its bytes are on their way, take no second copy.
  package mutating func adopt(_ id: PartID, of inode: InodeNumber, _ range: ByteRange, _ priority: TransferPriority)
    -> Part?
  {
    let isTaken = (objects[inode]?.parts ?? []).contains { parts[$0]?.range.overlaps(range) ?? false }
    guard !isTaken, !range.isEmpty else { return nil }
    return insert(Part(id: id, inode: inode, range: range, priority: priority))
  }

  private mutating func add(_ plan: [RangePlanner.Part], of inode: InodeNumber) -> [Part] {
    var started: [Part] = []
    let running = ByteRangeSet((objects[inode]?.parts ?? []).compactMap { parts[$0]?.range })
    for planned in plan {
      for gap in running.gaps(in: planned.range) {
        started.append(insert(Part(id: nextPart(), inode: inode, range: gap, priority: planned.priority)))
      }
    }
    return started
  }

  private mutating func insert(_ part: Part) -> Part {
    parts[part.id] = part
    objects[part.inode, default: Object()].parts.append(part.id)
    return part
  }

  // MARK: Events of a part

  /// So many bytes of the part are in. Who is ready now.
  package mutating func progress(_ id: PartID, arrived: Int64) -> [WaiterID] {
    guard let part = parts[id], arrived > part.arrived else { return [] }
    parts[id]?.arrived = arrived
    return satisfy(by: id)
  }

  /// The part is over.
  package mutating func end(_ id: PartID, _ end: End, now: MonotonicTime) -> Consequences {
    guard let part = parts[id] else { return Consequences() }
    var consequences = Consequences()
    if end == .complete { parts[id]?.arrived = Int64(part.range.count) }
    consequences.ready = satisfy(by: id)
    parts[id] = nil
    objects[part.inode]?.parts.removeAll { $0 == id }
    let left = (objects[part.inode]?.waiters ?? []).filter { waiters[$0]?.lacks.contains(id) ?? false }
    switch end {
    case .complete: break
    case .abandoned:
      consequences.again = left
    case .failed(let failure):
      consequences.failed = left
      if failure == .changed {
        // All that is still missing of this version will never come.
        consequences.failed = objects[part.inode]?.waiters ?? []
        consequences.cancel = leave(objects[part.inode]?.parts ?? [])
      }
      if part.priority == .demand {
        failures.note(part.range.lowerBound + part.arrived..<part.range.upperBound, of: part.inode, failure, now)
      }
    }
    for waiter in consequences.again + consequences.failed { drop(waiter) }
    moment += 1
    ends.append((part.inode, moment))
    if ends.count > 128 { ends.removeFirst(64) }
    forgetIfIdle(part.inode)
    return consequences
  }

  /// A part that never started is taken back (a prefetch without room). Nobody waits for it.
  package mutating func withdraw(_ id: PartID) {
    guard let part = parts.removeValue(forKey: id) else { return }
    objects[part.inode]?.parts.removeAll { $0 == id }
    forgetIfIdle(part.inode)
  }

  private mutating func satisfy(by id: PartID) -> [WaiterID] {
    guard let part = parts[id], let object = objects[part.inode] else { return [] }
    var ready: [WaiterID] = []
    for waiter in object.waiters {
      guard let wanted = waiters[waiter], wanted.lacks.contains(id), part.has(wanted.range) else { continue }
      waiters[waiter]?.lacks.removeAll { $0 == id }
      if wanted.lacks.count == 1 { ready.append(waiter) }
    }
    for waiter in ready { drop(waiter) }
    return ready
  }

  // MARK: Events of a waiter

  /// The reader gave up. nil: it is not here any more, so it is being answered. Else which transfers to cancel.
  ///
  /// When nobody waits for the object any more, its demand parts are cancelled, but for those that are half done or small:
  /// their bytes will be in the cache for the next reader.
  package mutating func interrupt(_ waiter: WaiterID, smallPart: Int64 = 1 << 20) -> [PartID]? {
    guard let inode = waiters[waiter]?.inode else { return nil }
    drop(waiter)
    defer { forgetIfIdle(inode) }
    guard let object = objects[inode], object.waiters.isEmpty else { return [] }
    return leave(
      object.parts.filter { id in
        guard let part = parts[id], part.priority == .demand else { return false }
        let count = Int64(part.range.count)
        return part.arrived * 2 <= count && count >= smallPart
      })
  }

  /// Cancels these parts (for room): their waiters, if any come, ask again at their end.
  package mutating func leave(_ ids: [PartID]) -> [PartID] {
    let staying = ids.filter { !(parts[$0]?.isLeaving ?? true) }
    for id in staying { parts[id]?.isLeaving = true }
    return staying
  }

  /// Shutdown: all waiters, which left the table, and all parts, which stay until their end.
  package mutating func shutDown() -> (waiters: [WaiterID], parts: [PartID]) {
    let left = waiters.keys.sorted()
    for waiter in left { drop(waiter) }
    return (left, leave(parts.keys.sorted()))
  }

  private mutating func drop(_ waiter: WaiterID) {
    guard let inode = waiters.removeValue(forKey: waiter)?.inode else { return }
    objects[inode]?.waiters.removeAll { $0 == waiter }
  }

  private mutating func forgetIfIdle(_ inode: InodeNumber) {
    if let object = objects[inode], object.parts.isEmpty, object.waiters.isEmpty { objects[inode] = nil }
  }

  private func hasEnded(_ inode: InodeNumber, since: UInt64) -> Bool {
    guard moment > since else { return false }
    // Ends older than the list: unknown, so look again.
    if let oldest = ends.first, oldest.moment > since + 1 { return true }
    return ends.contains { $0.moment > since && $0.inode == inode }
  }
}
