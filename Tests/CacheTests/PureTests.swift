import Objects
import Platform
import Testing

@testable import Cache

@Suite struct EvictionPolicyTests {
  private func row(
    _ inode: UInt64, _ storageClass: StorageClass = .chunk, bytes: Int64 = 10, hits: Int = 0, lastUse: Int64 = 0
  ) -> BodyRow {
    BodyRow(
      inode: InodeNumber(inode), storageClass: storageClass, size: bytes, allocated: bytes,
      lastUse: WallTime(milliseconds: lastUse), hits: hits)
  }

  @Test func ranksRiseByClassAndThenByUse() {
    let order: [(StorageClass, Int)] = [
      (.prefetched, 0), (.prefetched, 2), (.chunk, 1), (.chunk, 2), (.coordinate, 0), (.coordinate, 5), (.metadata, 1),
      (.metadata, 2),
    ]
    #expect(order.map { EvictionPolicy.rank($0.0, hits: $0.1) } == Array(0..<8))
  }

  @Test func usesCloseTogetherAreOneUse() {
    var body = row(1)
    body = EvictionPolicy.used(body, at: WallTime(milliseconds: 1000))
    #expect(body.hits == 1)
    body = EvictionPolicy.used(body, at: WallTime(milliseconds: 20_000))
    #expect(body.hits == 1)
    #expect(body.lastUse.milliseconds == 20_000)
    body = EvictionPolicy.used(body, at: WallTime(milliseconds: 50_000))
    #expect(body.hits == 2)
  }

  @Test func roomIsMadeDownToTheLowWater() {
    #expect(EvictionPolicy.excess(used: 900, adding: 100, limit: 1000) == 0)
    #expect(EvictionPolicy.excess(used: 900, adding: 101, limit: 1000) == 51)
  }

  @Test func victimsAreTheColdestThatNobodyUses() {
    let rows = (1...6).map { row(UInt64($0)) }
    let victims = EvictionPolicy.victims(of: rows, need: 25, ranks: [], limit: 1000) { $0.rawValue == 2 }
    #expect(victims.map(\.row.inode.rawValue) == [1, 3, 4])
    #expect(victims.allSatisfy { !$0.isTrimmed })
  }

  /// A body of `bytes` that keeps its first 4096.
  private func shard(_ inode: UInt64, _ storageClass: StorageClass = .chunk, bytes: Int64 = 50_000) -> BodyRow {
    var row = row(inode, storageClass, bytes: bytes)
    row.kept = 0..<4000
    return row
  }

  @Test func aBodyIsTrimmedWhereItHasMoreThanItKeeps() {
    #expect(EvictionPolicy.canBeTrimmed(shard(1)))
    #expect(EvictionPolicy.canBeTrimmed(shard(1, .prefetched)))
    #expect(!EvictionPolicy.canBeTrimmed(row(1, bytes: 50_000)))
    #expect(!EvictionPolicy.canBeTrimmed(shard(1, .coordinate)))
    #expect(!EvictionPolicy.canBeTrimmed(shard(1, .metadata)))
    #expect(!EvictionPolicy.canBeTrimmed(shard(1, bytes: 4096)), "what it keeps takes a page")
    var shared = shard(1)
    shared.group = 9
    #expect(!EvictionPolicy.canBeTrimmed(shared))
  }

  @Test func victimsAreTrimmedWithinTheShareOfWhatIsKept() {
    let rows = (1...20).map { shard(UInt64($0)) }
    func victims(need: Int64, held: [Int64]) -> [EvictionPolicy.Victim] {
      EvictionPolicy.victims(of: rows, need: need, ranks: held, limit: 40_000) { _ in false }
    }
    // The rest of each counts: three of 45,904.
    #expect(victims(need: 100_000, held: [0, 0, 0, 0, 0, 0, 0, 0]).map(\.isTrimmed) == [true, true, true])
    // Until the share is passed: 10,000.
    let some = victims(need: 240_000, held: [0, 0, 99_000, 0, 0, 99_000, 3000, 0])
    #expect(some.map(\.isTrimmed) == [true, true, false, false, false])
    #expect(victims(need: 1, held: [0, 0, 0, 0, 0, 0, 0, 10_001]).map(\.isTrimmed) == [false])
  }

  @Test func whatIsKeptHasALimit() {
    #expect(EvictionPolicy.keptExcess(ranks: [0, 0, 9000, 0, 0, 9000, 1000, 1500], limit: 10_000) == 0)
    #expect(EvictionPolicy.keptExcess(ranks: [0, 0, 0, 0, 0, 0, 1000, 1501], limit: 10_000) == 301)
  }

  @Test func protectionHasALimit() {
    #expect(EvictionPolicy.overProtected(ranks: [0, 0, 0, 800, 0, 0, 0, 0], limit: 1000) == nil)
    #expect(EvictionPolicy.overProtected(ranks: [0, 0, 0, 801, 0, 0, 0, 0], limit: 1000) == 3)
  }
}

@Suite struct LedgerTests {
  @Test func whatIsReservedIsTaken() {
    var ledger = Ledger(limit: 100 << 20)
    ledger.bodies = 50 << 20
    #expect(ledger.reserve(40 << 20) == 0)
    #expect(ledger.reserve(40 << 20) > 0)
    ledger.release(40 << 20)
    #expect(ledger.reserve(40 << 20) == 0)
  }

  @Test func whatIsUncertainIsTaken() {
    var ledger = Ledger(limit: 100 << 20)
    ledger.uncertain = 90 << 20
    #expect(ledger.reserve(20 << 20) > 0)
    ledger.uncertain = 0
    #expect(ledger.reserve(20 << 20) == 0)
  }

  @Test func aCommitIsDueAfterTheAllowance() {
    var ledger = Ledger(limit: 160 << 20)
    _ = ledger.reserve(10 << 20)
    #expect(ledger.commitIsDue() == false)
    _ = ledger.reserve(1)
    #expect(ledger.commitIsDue() == true)
    #expect(ledger.commitIsDue() == false)
  }
}

@Suite struct CacheHealthTests {
  private func at(_ seconds: Int64) -> MonotonicTime { MonotonicTime(nanoseconds: seconds * 1_000_000_000) }

  @Test func failuresInARowStopAndPausesGrow() {
    var health = CacheHealth()
    #expect(health.failed("write", at: at(0)) == false)
    #expect(health.failed("write", at: at(0)) == false)
    #expect(health.isUsable(at: at(0)))
    #expect(health.failed("write", at: at(0)) == true)
    #expect(!health.isUsable(at: at(4)))
    #expect(health.isUsable(at: at(5)))
    var end: Int64 = 5
    for pause in [10, 20, 40, 60, 60] as [Int64] {
      #expect(health.failed("write", at: at(end)) == true)
      #expect(!health.isUsable(at: at(end + pause - 1)))
      end += pause
      #expect(health.isUsable(at: at(end)))
    }
    #expect(health.succeeded() == true)
    #expect(health == CacheHealth())
  }

  @Test func aSuccessForgetsFailures() {
    var health = CacheHealth()
    for _ in 0..<10 {
      #expect(health.failed("read", at: at(0)) == false)
      #expect(health.failed("read", at: at(0)) == false)
      #expect(health.succeeded() == false)
    }
    #expect(health.isUsable(at: at(0)))
  }
}

@Suite struct BodySegmentTests {
  @Test func masksMatchBlocksOneByOne() {
    let block = BlockGeometry.blockSize
    for (lower, upper) in [(0, 1), (0, block), (block - 1, block + 1), (63 * block, 65 * block), (0, 200 * block)] {
      for number in BodySegment.numbers(lower..<upper) {
        let mask = BodySegment.mask(lower..<upper, in: number)
        for index in 0..<64 {
          let range = BodySegment.range(ofBlock: index, in: number, size: .max)
          #expect((mask >> UInt64(index) & 1 == 1) == range.overlaps(lower..<upper))
        }
      }
    }
  }

  @Test func theLastBlockIsShort() {
    #expect(BodySegment.bytes(0b11, in: 0, size: BlockGeometry.blockSize + 5) == BlockGeometry.blockSize + 5)
  }
}
