import Fetch
import ObjectStorage
import Objects
import Testing

@Suite struct RangePlannerTests {
  private let block: Int64 = 32 << 10
  private let mebi: Int64 = 1 << 20
  private let planner = RangePlanner(partSize: 8 << 20, wholeLimit: 16 << 20, windowSize: 1 << 20)

  @Test func `Objects up to the limit are looked at whole`() {
    #expect(planner.scope(of: 5..<6, size: 100, ahead: nil, isCached: true) == 0..<100)
    #expect(planner.scope(of: 5..<6, size: 16 * mebi, ahead: nil, isCached: true) == 0..<16 * mebi)
  }

  @Test func `Larger ones by blocks around the READ`() {
    let size = 16 * mebi + 1
    #expect(planner.scope(of: 5..<6, size: size, ahead: nil, isCached: true) == 0..<block)
    #expect(planner.scope(of: block - 1..<block + 1, size: size, ahead: nil, isCached: true) == 0..<2 * block)
    #expect(planner.scope(of: size - 1..<size, size: size, ahead: nil, isCached: true) == size - 1..<size)
  }

  @Test func `What is ahead joins the same scope where it touches`() {
    let size = 100 * mebi
    #expect(planner.scope(of: 0..<10, size: size, ahead: 10..<mebi, isCached: true) == 0..<mebi)
    #expect(planner.scope(of: 0..<10, size: size, ahead: mebi..<2 * mebi, isCached: true) == 0..<block)
    #expect(planner.scope(of: 0..<10, size: size, ahead: 10..<20, isCached: true) == 0..<block)
  }

  @Test func `Without a body, by windows`() {
    #expect(planner.scope(of: 5..<6, size: 1000, ahead: nil, isCached: false) == 0..<1000)
    #expect(planner.scope(of: 5..<6, size: 10 * mebi, ahead: nil, isCached: false) == 0..<mebi)
    #expect(planner.scope(of: mebi - 1..<mebi + 1, size: 10 * mebi, ahead: nil, isCached: false) == 0..<2 * mebi)
  }

  @Test func `Neighbours merge, long ranges are cut, the demanded part is first`() {
    let parts = planner.parts(
      missing: [0..<mebi, mebi..<12 * mebi], demand: 9 * mebi..<9 * mebi + 1, size: 12 * mebi)
    #expect(parts == [.init(8 * mebi..<12 * mebi, .demand), .init(0..<8 * mebi, .demand)])
    let ahead = planner.parts(missing: [0..<20 * mebi], demand: 0..<1, size: 100 * mebi)
    #expect(
      ahead == [
        .init(0..<8 * mebi, .demand), .init(8 * mebi..<16 * mebi, .prefetch), .init(16 * mebi..<20 * mebi, .prefetch),
      ])
    #expect(planner.parts(missing: [], demand: 0..<1, size: 100).isEmpty)
  }
}
