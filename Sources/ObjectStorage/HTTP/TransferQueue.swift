/// Which transfer starts next: demand before prefetch, first come first served in each, so many at a time.
///
/// Pure. A quarter of the places is kept from prefetches, so that a reader never waits behind 64 of them.
struct TransferQueue {
  typealias ID = UInt64

  /// Transfers in flight at a time.
  let limit: Int
  private let prefetchLimit: Int
  /// Demand at 1, prefetch at 0. Cancelled and promoted ones stay until they come up: `waiting` is the truth.
  private var lines: [Line] = [Line(), Line()]
  private var waiting: [ID: TransferPriority] = [:]
  private var flying: [ID: TransferPriority] = [:]

  private struct Line {
    var ids: [ID] = []
    var start = 0

    mutating func append(_ id: ID) { ids.append(id) }
    var first: ID? { start < ids.count ? ids[start] : nil }
    mutating func removeFirst() {
      start += 1
      if start > 64, start * 2 > ids.count {
        ids.removeFirst(start)
        start = 0
      }
    }
  }

  init(limit: Int) {
    self.limit = max(1, limit)
    prefetchLimit = limit >= 4 ? limit - limit / 4 : self.limit
  }

  var flyingCount: Int { flying.count }
  var waitingCount: Int { waiting.count }

  mutating func submit(_ id: ID, _ priority: TransferPriority) {
    waiting[id] = priority
    lines[priority.rawValue].append(id)
  }

  mutating func promote(_ id: ID) {
    if waiting[id] == .prefetch {
      waiting[id] = .demand
      lines[TransferPriority.demand.rawValue].append(id)
    } else if flying[id] != nil {
      flying[id] = .demand
    }
  }

  /// The next to start, which then counts as in flight.
  mutating func next() -> ID? {
    guard flying.count < limit else { return nil }
    if let id = next(of: .demand) { return id }
    guard flying.values.count(where: { $0 == .prefetch }) < prefetchLimit else { return nil }
    return next(of: .prefetch)
  }

  private mutating func next(of priority: TransferPriority) -> ID? {
    while let id = lines[priority.rawValue].first {
      lines[priority.rawValue].removeFirst()
      guard waiting[id] == priority else { continue }
      waiting[id] = nil
      flying[id] = priority
      return id
    }
    return nil
  }

  /// Ended or cancelled, waiting or in flight.
  mutating func remove(_ id: ID) {
    waiting[id] = nil
    flying[id] = nil
  }
}
