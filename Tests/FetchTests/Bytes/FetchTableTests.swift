import Fetch
import ObjectStorage
import Objects
import Platform
import TestSupport
import Testing

@Suite struct FetchTableTests {
  private let inode = InodeNumber(70_000)
  private let start = MonotonicTime(nanoseconds: 1)
  private let down = FetchFailure.unavailable(StoreError(.unavailable, "down"))

  private func ask(
    _ table: inout FetchTable, _ number: UInt64, _ range: ByteRange, part: ByteRange, ahead: ByteRange? = nil,
    since: UInt64? = nil, at now: MonotonicTime? = nil
  ) -> FetchTable.Admission {
    var plan = [RangePlanner.Part(part, .demand)]
    if let ahead { plan.append(.init(ahead, .prefetch)) }
    return table.request(
      WaiterID(number), of: inode, range, missing: [range], plan: plan, since: since ?? table.moment,
      now: now ?? start)
  }

  /// The admission, which must be one.
  private func admitted(_ admission: FetchTable.Admission) throws -> FetchTable.Admitted {
    guard case .admitted(let admitted) = admission else { throw Unexpected(what: "\(admission)") }
    return admitted
  }
  private struct Unexpected: Error { var what: String }

  @Test func `Many readers of one range make one part`() throws {
    var table = FetchTable()
    let first = try admitted(ask(&table, 1, 0..<10, part: 0..<100))
    #expect(first.start.map(\.range) == [0..<100] && !first.isReady)
    for number in UInt64(2)...64 {
      let next = try admitted(ask(&table, number, 0..<10, part: 0..<100))
      #expect(next.start.isEmpty && next.sources == first.start.map(\.id))
    }
    let ready = table.progress(first.start[0].id, arrived: 10)
    #expect(ready == (1...64).map { WaiterID($0) })
    #expect(table.waiterCount == 0 && table.partCount == 1)
  }

  @Test func `A READ is ready as soon as its own bytes are in`() throws {
    var table = FetchTable()
    let part = try admitted(ask(&table, 1, 50..<60, part: 0..<100)).start[0]
    #expect(table.progress(part.id, arrived: 59).isEmpty)
    #expect(table.progress(part.id, arrived: 60) == [WaiterID(1)])
    let late = try admitted(ask(&table, 2, 20..<60, part: 0..<100))
    #expect(late.isReady && late.sources == [part.id] && late.start.isEmpty)
  }

  @Test func `A READ over several parts is ready when each has its bytes`() throws {
    var table = FetchTable()
    let plan = [RangePlanner.Part(0..<100, .demand), .init(100..<200, .demand)]
    let admission = table.request(
      WaiterID(1), of: inode, 90..<110, missing: [90..<110], plan: plan, since: 0, now: start)
    let parts = try admitted(admission).start
    #expect(table.progress(parts[1].id, arrived: 10).isEmpty)
    #expect(table.progress(parts[0].id, arrived: 99).isEmpty)
    #expect(table.progress(parts[0].id, arrived: 100) == [WaiterID(1)])
  }

  @Test func `Only what is not on its way is started`() throws {
    var table = FetchTable()
    _ = ask(&table, 1, 40..<60, part: 40..<60)
    let second = try admitted(ask(&table, 2, 30..<80, part: 0..<100))
    #expect(second.start.map(\.range) == [0..<40, 60..<100])
    #expect(second.sources.count == 3)
  }

  @Test func `A part that ended between the look and the request means to look again`() throws {
    var table = FetchTable()
    let moment = table.moment
    let part = try admitted(ask(&table, 1, 0..<10, part: 0..<10)).start[0]
    _ = table.end(part.id, .complete, now: start)
    #expect(ask(&table, 2, 0..<10, part: 0..<10, since: moment) == .again)
    #expect(table.prefetch(inode, [.init(0..<10, .prefetch)], since: moment, now: start) == nil)
    let other = table.request(
      WaiterID(3), of: InodeNumber(70_001), 0..<10, missing: [0..<10], plan: [.init(0..<10, .demand)], since: moment,
      now: start)
    #expect(try admitted(other).start.count == 1)
  }

  @Test func `The end of a part answers who is left`() throws {
    var table = FetchTable()
    let part = try admitted(ask(&table, 1, 0..<100, part: 0..<100)).start[0]
    #expect(table.end(part.id, .complete, now: start) == .init(ready: [WaiterID(1)]))
    #expect(table.isEmpty)
  }

  @Test func `A failure reaches each who waits for the part, and is remembered for a second`() throws {
    var table = FetchTable()
    let part = try admitted(ask(&table, 1, 0..<50, part: 0..<100)).start[0]
    _ = ask(&table, 2, 60..<70, part: 0..<100)
    let other = try admitted(ask(&table, 3, 200..<210, part: 200..<210)).start[0]
    #expect(table.progress(part.id, arrived: 50) == [WaiterID(1)])
    #expect(table.end(part.id, .failed(down), now: start) == .init(failed: [WaiterID(2)]))
    #expect(ask(&table, 4, 60..<70, part: 0..<100) == .failed(down))
    let late = start + .seconds(1)
    #expect(try admitted(ask(&table, 5, 60..<70, part: 0..<100, at: late)).start.map(\.range) == [0..<100])
    #expect(table.progress(other.id, arrived: 10) == [WaiterID(3)])
  }

  @Test func `What had arrived before the failure is not remembered as failed`() throws {
    var table = FetchTable()
    let part = try admitted(ask(&table, 1, 0..<100, part: 0..<100)).start[0]
    _ = table.progress(part.id, arrived: 40)
    #expect(table.end(part.id, .failed(down), now: start).failed == [WaiterID(1)])
    #expect(try admitted(ask(&table, 2, 0..<40, part: 0..<40)).start.count == 1)
  }

  @Test func `A prefetch's failure is nobody's`() throws {
    var table = FetchTable()
    let prefetched = table.prefetch(inode, [.init(0..<100, .prefetch)], since: 0, now: start)
    let parts = try #require(prefetched)
    #expect(table.end(parts[0].id, .failed(down), now: start) == .init())
    #expect(try admitted(ask(&table, 1, 0..<10, part: 0..<100)).start.count == 1)
  }

  @Test func `A reader makes a prefetch demand`() throws {
    var table = FetchTable()
    let prefetched = table.prefetch(inode, [.init(0..<100, .prefetch)], since: 0, now: start)
    let parts = try #require(prefetched)
    let reader = try admitted(ask(&table, 1, 0..<10, part: 0..<100))
    #expect(reader.start.isEmpty && reader.promote == [parts[0].id])
    #expect(table.part(parts[0].id)?.priority == .demand)
    #expect(try admitted(ask(&table, 2, 0..<10, part: 0..<100)).promote.isEmpty)
  }

  @Test func `A changed object fails all its readers and stops its other parts`() throws {
    var table = FetchTable()
    let first = try admitted(ask(&table, 1, 0..<100, part: 0..<100)).start[0]
    let second = try admitted(ask(&table, 2, 100..<200, part: 100..<200)).start[0]
    let consequences = table.end(first.id, .failed(.changed), now: start)
    #expect(consequences.failed == [WaiterID(1), WaiterID(2)] && consequences.cancel == [second.id])
    #expect(table.end(second.id, .abandoned, now: start) == .init())
    #expect(ask(&table, 3, 0..<10, part: 0..<100) == .failed(.changed))
  }

  @Test func `An abandoned part's waiters ask again`() throws {
    var table = FetchTable()
    let part = try admitted(ask(&table, 1, 0..<100, part: 0..<100)).start[0]
    #expect(table.end(part.id, .abandoned, now: start) == .init(again: [WaiterID(1)]))
    #expect(try admitted(ask(&table, 1, 0..<100, part: 0..<100)).start.count == 1)
  }

  @Test func `An interrupted reader leaves; the last one stops what is large and not half done`() throws {
    var table = FetchTable()
    let size: Int64 = 8 << 20
    let part = try admitted(ask(&table, 1, 0..<10, part: 0..<size)).start[0]
    _ = ask(&table, 2, 0..<10, part: 0..<size)
    #expect(table.interrupt(WaiterID(1)) == [])
    #expect(table.interrupt(WaiterID(1)) == nil)
    #expect(table.interrupt(WaiterID(2)) == [part.id])
    // Its end is not seen yet: who comes now waits for it, then asks again.
    #expect(try admitted(ask(&table, 3, 0..<10, part: 0..<size)).start.isEmpty)
    #expect(table.end(part.id, .abandoned, now: start).again == [WaiterID(3)])

    let half = try admitted(ask(&table, 4, size - 10..<size, part: 0..<size)).start[0]
    _ = table.progress(half.id, arrived: size / 2 + 1)
    #expect(table.interrupt(WaiterID(4)) == [])
    let small = try admitted(ask(&table, 5, size..<size + 10, part: size..<size + 1000)).start[0]
    #expect(table.interrupt(WaiterID(5)) == [])
    #expect(table.part(small.id)?.isLeaving == false)
  }

  @Test func `A GET on lookup is adopted once`() throws {
    var table = FetchTable()
    let id = table.nextPart()
    #expect(table.adopt(id, of: inode, 0..<100, .demand) != nil)
    #expect(table.adopt(table.nextPart(), of: inode, 0..<100, .demand) == nil)
    let reader = try admitted(ask(&table, 1, 0..<10, part: 0..<200))
    #expect(reader.start.map(\.range) == [100..<200] && reader.sources == [id])
  }

  @Test func `Shutdown gives all waiters out and cancels all parts`() throws {
    var table = FetchTable()
    let part = try admitted(ask(&table, 1, 0..<10, part: 0..<100)).start[0]
    _ = ask(&table, 2, 0..<10, part: 0..<100)
    let left = table.shutDown()
    #expect(left.waiters == [WaiterID(1), WaiterID(2)] && left.parts == [part.id])
    #expect(table.end(part.id, .abandoned, now: start) == .init())
    #expect(table.isEmpty)
  }

  /// Bytes as a model: a set of those that are near. Every waiter leaves once, ready only when its bytes are there, and
  /// no byte is fetched twice while it is near or on its way.
  @Test(arguments: [UInt64(1), 2, 3, 4, 5, 6, 7, 8]) func `Random readers against a model`(seed: UInt64) throws {
    var random = SeededGenerator(seed: seed)
    var table = FetchTable()
    var near = ByteRangeSet()
    var parts: [PartID: FetchTable.Part] = [:]
    var waiting: [WaiterID: ByteRange] = [:]
    var now = start
    var moment = table.moment
    func arrived() -> ByteRangeSet {
      var set = near
      for part in parts.values { set.insert(part.range.lowerBound..<part.range.lowerBound + part.arrived) }
      return set
    }
    func leave(_ waiters: [WaiterID], ready: Bool) throws {
      for waiter in waiters {
        let left = waiting.removeValue(forKey: waiter)
        let range = try #require(left, "answered twice")
        if ready { #expect(arrived().contains(range)) }
      }
    }
    for step in UInt64(1)..<3000 {
      now = now + .milliseconds(100)
      switch Int.random(in: 0..<10, using: &random) {
      case 0...3:
        let lower = Int64.random(in: 0..<90, using: &random)
        let range = lower..<lower + Int64.random(in: 1...10, using: &random)
        let missing = near.gaps(in: range)
        if missing.isEmpty { continue }
        let plan = near.gaps(in: lower / 10 * 10..<min(100, lower + 30)).map { RangePlanner.Part($0, .demand) }
        let isOld = Bool.random(using: &random)
        switch table.request(
          WaiterID(step), of: inode, range, missing: missing, plan: plan, since: isOld ? moment : table.moment, now: now
        )
        {
        case .again: #expect(isOld && table.moment > moment)
        case .failed(let failure): #expect(failure == down)
        case .admitted(let admitted):
          for part in admitted.start {
            #expect(near.gaps(in: part.range) == [part.range], "near, and fetched all the same")
            #expect(!parts.values.contains { $0.range.overlaps(part.range) }, "on its way, and fetched all the same")
            parts[part.id] = part
          }
          if admitted.isReady { #expect(arrived().contains(range)) } else { waiting[WaiterID(step)] = range }
        }
        moment = table.moment
      case 4...6:
        guard let id = parts.keys.sorted().randomElement(using: &random), var part = parts[id] else { continue }
        part.arrived = min(Int64(part.range.count), part.arrived + Int64.random(in: 1...8, using: &random))
        parts[id] = part
        try leave(table.progress(id, arrived: part.arrived), ready: true)
      case 7, 8:
        guard let id = parts.keys.sorted().randomElement(using: &random), let part = parts[id] else { continue }
        let fate = Int.random(in: 0..<4, using: &random)
        let kept = fate < 2 ? part.range : part.range.lowerBound..<part.range.lowerBound + part.arrived
        parts[id] = nil
        near.insert(kept)
        let end: FetchTable.End = fate < 2 ? .complete : fate == 2 ? .failed(down) : .abandoned
        let consequences = table.end(id, end, now: now)
        try leave(consequences.ready, ready: true)
        try leave(consequences.failed + consequences.again, ready: false)
        #expect(end == .complete || consequences.ready.isEmpty)
      default:
        if Bool.random(using: &random), let lower = (0..<100).randomElement(using: &random) {
          // Evicted, unless a reader holds it.
          let victim = Int64(lower)..<Int64(lower) + 20
          if !waiting.values.contains(where: { $0.overlaps(victim) }) { near.remove(victim) }
        } else if let waiter = waiting.keys.sorted().randomElement(using: &random) {
          #expect(table.interrupt(waiter) != nil)
          waiting[waiter] = nil
        }
      }
      #expect(table.waiterCount == waiting.count && table.partCount == parts.count)
    }
    for id in parts.keys.sorted() {
      if let part = parts.removeValue(forKey: id) { near.insert(part.range) }
      try leave(table.end(id, .complete, now: now).ready, ready: true)
    }
    #expect(waiting.isEmpty && table.isEmpty)
  }
}
