import Fetch
import ObjectStorage
import Objects
import TestSupport
import Testing

@Suite struct FetchBudgetTests {
  private let inode = InodeNumber(70_000)
  private func id(_ number: UInt64) -> PartID { PartID(number) }

  @Test func `Demand waits its turn, in order`() {
    var budget = FetchBudget(limit: 100, partsPerObject: 16)
    for number in UInt64(1)...4 { #expect(budget.enqueue(id(number), of: inode, bytes: 40, .demand) == true) }
    #expect(budget.admit() == .init(start: [id(1), id(2)]))
    #expect(budget.admit() == .init())
    budget.release(id(2))
    #expect(budget.admit() == .init(start: [id(3)]))
    budget.release(id(4))
    #expect(budget.waitingCount == 0)
    budget.release(id(1))
    budget.release(id(3))
    #expect(budget.inUse == 0 && budget.runningCount == 0)
  }

  @Test func `A small one does not overtake a large one`() {
    var budget = FetchBudget(limit: 100, partsPerObject: 16)
    for (number, bytes) in [(UInt64(1), Int64(60)), (2, 80), (3, 10)] {
      _ = budget.enqueue(id(number), of: inode, bytes: bytes, .demand)
    }
    #expect(budget.admit() == .init(start: [id(1)]))
    budget.release(id(1))
    #expect(budget.admit() == .init(start: [id(2), id(3)]))
  }

  @Test func `One demand fetch may always run`() {
    var budget = FetchBudget(limit: 100, partsPerObject: 16)
    #expect(budget.enqueue(id(1), of: inode, bytes: 1000, .demand) == true)
    #expect(budget.enqueue(id(2), of: inode, bytes: 1000, .demand) == true)
    #expect(budget.admit() == .init(start: [id(1)]))
    budget.release(id(1))
    #expect(budget.admit() == .init(start: [id(2)]))
  }

  @Test func `No object takes more than its share of parts, and others pass it`() {
    var budget = FetchBudget(limit: 1000, partsPerObject: 2)
    for number in UInt64(1)...3 { _ = budget.enqueue(id(number), of: inode, bytes: 1, .demand) }
    _ = budget.enqueue(id(4), of: InodeNumber(70_001), bytes: 1, .demand)
    #expect(budget.admit() == .init(start: [id(1), id(2), id(4)]))
    budget.release(id(2))
    #expect(budget.admit() == .init(start: [id(3)]))
  }

  @Test func `A prefetch runs at once or not at all, and leaves demand its quarter`() {
    var budget = FetchBudget(limit: 100, partsPerObject: 16)
    #expect(budget.enqueue(id(1), of: inode, bytes: 75, .prefetch) == true)
    #expect(budget.enqueue(id(2), of: inode, bytes: 1, .prefetch) == false)
    #expect(budget.enqueue(id(3), of: inode, bytes: 25, .demand) == true)
    #expect(budget.admit() == .init(start: [id(3)]))
  }

  @Test func `Prefetches give way, the youngest first, each told once`() {
    var budget = FetchBudget(limit: 100, partsPerObject: 16)
    for number in UInt64(1)...3 { #expect(budget.enqueue(id(number), of: inode, bytes: 25, .prefetch) == true) }
    _ = budget.enqueue(id(4), of: inode, bytes: 20, .demand)
    #expect(budget.admit() == .init(start: [id(4)]))
    _ = budget.enqueue(id(5), of: inode, bytes: 40, .demand)
    #expect(budget.admit() == .init(cancel: [id(3), id(2)]))
    #expect(budget.admit() == .init())
    #expect(budget.enqueue(id(6), of: inode, bytes: 1, .prefetch) == false)
    budget.release(id(3))
    budget.release(id(2))
    #expect(budget.admit() == .init(start: [id(5)]))
  }

  @Test func `A promoted prefetch is not cancelled`() {
    var budget = FetchBudget(limit: 100, partsPerObject: 16)
    #expect(budget.enqueue(id(1), of: inode, bytes: 70, .prefetch) == true)
    budget.promote(id(1))
    _ = budget.enqueue(id(2), of: inode, bytes: 40, .demand)
    #expect(budget.admit() == .init())
    budget.release(id(1))
    #expect(budget.admit() == .init(start: [id(2)]))
  }

  @Test func `What a head tells is settled`() {
    var budget = FetchBudget(limit: 100, partsPerObject: 16)
    _ = budget.enqueue(id(1), of: InodeNumber(0), bytes: 10, .demand)
    #expect(budget.admit() == .init(start: [id(1)]))
    budget.settle(id(1), of: inode, bytes: 300)
    #expect(budget.inUse == 300 && !budget.hasRoom(1))
    budget.release(id(1))
    #expect(budget.inUse == 0)
  }

  @Test func `Random comings and goings stay in bounds and starve nobody`() {
    var random = SeededGenerator(seed: 4)
    var budget = FetchBudget(limit: 1000, partsPerObject: 4)
    var running: [PartID: (bytes: Int64, priority: TransferPriority)] = [:]
    var waiting: [PartID: Int64] = [:]
    var next: UInt64 = 0
    for step in 0..<20_000 {
      if step < 19_000, Bool.random(using: &random) {
        next += 1
        let bytes = Int64.random(in: 1...400, using: &random)
        let priority: TransferPriority = Bool.random(using: &random) ? .demand : .prefetch
        let object = InodeNumber(UInt64.random(in: 0..<5, using: &random))
        let isTaken = budget.enqueue(id(next), of: object, bytes: bytes, priority)
        if priority == .demand { waiting[id(next)] = bytes } else if isTaken { running[id(next)] = (bytes, .prefetch) }
      } else if let victim = running.keys.sorted().randomElement(using: &random) {
        running[victim] = nil
        budget.release(victim)
      }
      let admitted = budget.admit()
      for id in admitted.start {
        guard let bytes = waiting.removeValue(forKey: id) else {
          Issue.record("started what did not wait")
          return
        }
        running[id] = (bytes, .demand)
      }
      for id in admitted.cancel { #expect(running[id]?.priority == .prefetch) }
      let inUse = running.values.reduce(0) { $0 + $1.bytes }
      #expect(budget.inUse == inUse && budget.runningCount == running.count && budget.waitingCount == waiting.count)
      #expect(inUse <= 1000 || running.values.count { $0.priority == .demand } == 1)
    }
    while !running.isEmpty || !waiting.isEmpty {
      guard let victim = running.keys.sorted().first else { break }
      running[victim] = nil
      budget.release(victim)
      for id in budget.admit().start { running[id] = (waiting.removeValue(forKey: id) ?? 0, .demand) }
    }
    #expect(waiting.isEmpty && budget.inUse == 0)
  }
}
