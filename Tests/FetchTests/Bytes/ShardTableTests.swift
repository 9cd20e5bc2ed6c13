import Fetch
import Objects
import Testing
import Zarr

@Suite struct ShardTableTests {
  private let one = InodeNumber(70_001)

  /// So many inner chunks of 100,000 bytes, one after the other.
  private func index(_ count: Int) throws -> ShardIndex {
    let layout = try #require(
      ShardLayout(shardShape: [Int64(count)], innerChunkShape: [1], hasChecksum: false))
    var bytes: [UInt8] = []
    for number in 0..<count {
      for word in [UInt64(number * 100_000), 100_000] { withUnsafeBytes(of: word.littleEndian) { bytes += $0 } }
    }
    return try #require(ShardIndex(bytes, layout: layout, shardSize: Int64(count) * 100_000 + layout.indexSize))
  }

  private func isUnknown(_ finding: ShardTable.Finding) -> Bool {
    if case .unknown = finding { return true }
    return false
  }

  @Test func `inner chunks wait for the index, once`() throws {
    var table = ShardTable()
    let first = table.want([1, 2], of: one)
    let second = table.want([3], of: one)
    #expect(isUnknown(first) && isUnknown(second))
    let wanted = table.learn(try index(8), of: one)
    #expect(wanted == [1, 2, 3])
    let again = table.learn(try index(8), of: one)
    #expect(again.isEmpty)
    guard case .index = table.want([4], of: one) else { fatalError() }
  }

  @Test func `what waits is bounded, and given up together`() {
    var table = ShardTable()
    _ = table.want(Array(0..<1000), of: one)
    _ = table.want([5000], of: one)
    let left = table.giveUp(one)
    #expect(left == Array(0..<256))
    let nothing = table.giveUp(one)
    #expect(nothing.isEmpty)
  }

  @Test func `a damaged index is remembered as such`() {
    var table = ShardTable()
    _ = table.want([1], of: one)
    let wanted = table.learn(nil, of: one)
    #expect(wanted.isEmpty)
    guard case .damaged = table.find(one) else { fatalError() }
    guard case .damaged = table.want([1], of: one) else { fatalError() }
  }

  @Test func `bounded by shards and by bytes, the longest unused goes first`() throws {
    var table = ShardTable(shards: 4, bytes: 1 << 20)
    for number in 0..<6 { _ = table.learn(try index(10), of: InodeNumber(UInt64(number))) }
    #expect(table.count == 4)
    let (old, new) = (table.find(InodeNumber(1)), table.find(InodeNumber(2)))
    #expect(isUnknown(old) && !isUnknown(new))
    table = ShardTable(shards: 100, bytes: 100_000)
    for number in 0..<10 { _ = table.learn(try index(1000), of: InodeNumber(UInt64(number))) }
    #expect(table.bytes <= 100_000 && table.count == 2)
    _ = table.learn(try index(10_000), of: one)
    #expect(table.count == 1, "one is always kept")
  }
}
