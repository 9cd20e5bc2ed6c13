import Cache
import ObjectStorage
import Objects
import Platform

/// All that the fetcher's one lock guards: the pure machines, and which shell objects their numbers stand for.
struct FetcherState {
  var table: FetchTable
  var budget: FetchBudget
  var streams = LeastRecentlyUsed<InodeNumber, ReadAheadPlanner>(capacity: 1024)
  var windows: WindowCache<MemoryWindow>
  var ledger = PrefetchLedger()
  var expectation = ReadExpectation()
  var link = LinkEstimator()
  var transfers: [PartID: PartTransfer] = [:]
  var reads: [WaiterID: ParkedRead] = [:]
  /// Whose head is not in yet.
  var opens: [ObjectKey: OpenTransfer] = [:]
  /// GETs on lookup that run or wait to.
  var openTransfers: [PartID: OpenTransfer] = [:]
  var scratch: [ScratchBuffer] = []
  var isShutDown = false

  init(_ configuration: FetchConfiguration) {
    table = FetchTable(failureMemory: configuration.failureMemory)
    budget = FetchBudget(limit: configuration.budget, partsPerObject: configuration.partsPerObject)
    windows = WindowCache(capacity: configuration.windowCapacity)
  }

  /// What is at hand for a READ.
  struct Look {
    var windows: [(range: ByteRange, content: MemoryWindow)]
    /// Of the table, before the look into the cache.
    var moment: UInt64
  }

  /// What to do after the lock is released.
  struct Effects {
    var start: [PartTransfer] = []
    var open: [OpenTransfer] = []
    var cancel: [PartTransfer] = []
    var promote: [any Transfer] = []
  }

  mutating func look(_ inode: InodeNumber, _ range: ByteRange) -> Look {
    Look(windows: windows.use(inode, range), moment: table.moment)
  }

  /// Tells the read-ahead of a READ; what to have ahead.
  mutating func noteRead(
    _ inode: InodeNumber, _ range: ByteRange, size: Int64, limits: ReadAheadPlanner.Limits
  ) -> ByteRange? {
    if let ahead = streams.update(inode, { $0.note(range, size: size, limits: limits) }) { return ahead }
    var planner = ReadAheadPlanner()
    let ahead = planner.note(range, size: size, limits: limits)
    streams.insert(planner, for: inode)
    return ahead
  }

  /// New parts of the table, as transfers; prefetches without room are taken back. How many those were.
  mutating func enlist(
    _ parts: [FetchTable.Part], of object: ObjectReference, body: Body?, fetcher: Fetcher, _ effects: inout Effects
  ) -> Int {
    var dropped = 0
    for part in parts {
      let transfer = PartTransfer(
        id: part.id, object, part.range, body: body, priority: part.priority, fetcher: fetcher)
      guard budget.enqueue(part.id, of: object.inode, bytes: Int64(part.range.count), part.priority) else {
        table.withdraw(part.id)
        dropped += 1
        continue
      }
      transfers[part.id] = transfer
      if part.priority == .prefetch { effects.start.append(transfer) }
    }
    return dropped
  }

  /// Starts what the budget has room for.
  mutating func admit(_ effects: inout Effects) {
    let admitted = budget.admit()
    for id in admitted.start {
      if let transfer = transfers[id] { effects.start.append(transfer) }
      if let transfer = openTransfers[id] { effects.open.append(transfer) }
    }
    for id in table.leave(admitted.cancel) {
      if let transfer = transfers[id] { effects.cancel.append(transfer) }
    }
  }

  mutating func promote(_ ids: [PartID], _ effects: inout Effects) {
    for id in ids {
      budget.promote(id)
      guard let transfer = transfers[id] else { continue }
      ledger.overtaken(table.part(id)?.arrived ?? 0)
      transfer.priority = .demand
      if let handle = transfer.transfer { effects.promote.append(handle) }
    }
  }

  /// The reads of these waiters, which left the table.
  mutating func take(_ waiters: [WaiterID]) -> [ParkedRead] { waiters.compactMap { reads.removeValue(forKey: $0) } }
}
