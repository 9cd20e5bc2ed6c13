package import ObjectStorage
package import Objects

/// The one budget of bytes in flight. Pure.
///
/// Demand waits for room, first come first served; one demand fetch may always run, however large. A prefetch runs at
/// once or not at all: never while demand waits, and never in the last quarter, which is demand's. When demand finds no
/// room, running prefetches are cancelled, the youngest first.
package struct FetchBudget: Sendable {
  /// What to do now.
  package struct Admitted: Equatable, Sendable {
    package var start: [PartID] = []
    package var cancel: [PartID] = []

    package init(start: [PartID] = [], cancel: [PartID] = []) {
      self.start = start
      self.cancel = cancel
    }
  }

  private struct Item {
    var id: PartID
    var inode: InodeNumber
    var bytes: Int64
    var priority: TransferPriority
    var isLeaving = false
  }

  /// Bytes.
  package let limit: Int64
  package let partsPerObject: Int
  /// Bytes of what runs.
  package private(set) var inUse: Int64 = 0
  private var running: [PartID: Item] = [:]
  /// How many of those are demand.
  private var demandCount = 0
  /// Demand that waits, in order.
  private var queue: [Item] = []
  private var counts: [InodeNumber: Int] = [:]

  package init(limit: Int64, partsPerObject: Int) {
    self.limit = limit
    self.partsPerObject = partsPerObject
  }

  package var waitingCount: Int { queue.count }
  package var runningCount: Int { running.count }

  /// Wants to run. False: a prefetch for which there is no room, forgotten. Then `admit` says what may start.
  package mutating func enqueue(_ id: PartID, of inode: InodeNumber, bytes: Int64, _ priority: TransferPriority) -> Bool
  {
    let item = Item(id: id, inode: inode, bytes: bytes, priority: priority)
    if priority == .prefetch {
      guard queue.isEmpty, inUse + bytes <= limit / 4 * 3, counts[inode, default: 0] < partsPerObject else {
        return false
      }
      run(item)
      return true
    }
    queue.append(item)
    return true
  }

  /// Takes what may run now out of the queue.
  package mutating func admit() -> Admitted {
    var admitted = Admitted()
    var index = 0
    while index < queue.count {
      let item = queue[index]
      if counts[item.inode, default: 0] >= partsPerObject {
        index += 1
        continue
      }
      let isAlone = demandCount == 0
      guard isAlone || inUse + item.bytes <= limit else {
        makeRoom(for: item.bytes, &admitted)
        break
      }
      if inUse + item.bytes > limit { makeRoom(for: item.bytes, &admitted) }
      run(item)
      admitted.start.append(item.id)
      queue.remove(at: index)
    }
    return admitted
  }

  /// It ended, or was taken back while it waited.
  package mutating func release(_ id: PartID) {
    if let item = running.removeValue(forKey: id) {
      inUse -= item.bytes
      if item.priority == .demand { demandCount -= 1 }
      leave(item.inode)
    } else {
      queue.removeAll { $0.id == id }
    }
  }

  package func isWaiting(_ id: PartID) -> Bool { queue.contains { $0.id == id } }

  /// A reader waits for a prefetch now.
  package mutating func promote(_ id: PartID) {
    guard running[id]?.priority == .prefetch else { return }
    running[id]?.priority = .demand
    demandCount += 1
  }

  /// Its object and size became known (GET on lookup). Takes the bytes even where there is no room: they are on the way.
  package mutating func settle(_ id: PartID, of inode: InodeNumber, bytes: Int64) {
    guard var item = running[id] else { return }
    inUse += bytes - item.bytes
    leave(item.inode)
    item.bytes = bytes
    item.inode = inode
    counts[inode, default: 0] += 1
    running[id] = item
  }

  /// Room for so many bytes more without going over.
  package func hasRoom(_ bytes: Int64) -> Bool { inUse + bytes <= limit }

  private mutating func run(_ item: Item) {
    running[item.id] = item
    inUse += item.bytes
    if item.priority == .demand { demandCount += 1 }
    counts[item.inode, default: 0] += 1
  }

  private mutating func leave(_ inode: InodeNumber) {
    guard let count = counts[inode] else { return }
    counts[inode] = count > 1 ? count - 1 : nil
  }

  private mutating func makeRoom(for bytes: Int64, _ admitted: inout Admitted) {
    var lacking = inUse + bytes - limit - running.values.reduce(0) { $0 + ($1.isLeaving ? $1.bytes : 0) }
    guard lacking > 0 else { return }
    for item in running.values.filter({ $0.priority == .prefetch && !$0.isLeaving }).sorted(by: { $0.id > $1.id }) {
      running[item.id]?.isLeaving = true
      admitted.cancel.append(item.id)
      lacking -= item.bytes
      if lacking <= 0 { break }
    }
  }
}
