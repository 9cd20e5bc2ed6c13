import Fetch
import Objects
import TestSupport
import Testing

@Suite struct ReadAheadPlannerTests {
  private let kibi: Int64 = 1 << 10
  private let mebi: Int64 = 1 << 20
  private let size: Int64 = 1 << 30
  private let limits = ReadAheadPlanner.Limits()

  /// READs of 128 KiB one after another from `start`: what was asked ahead, and when.
  private func read(_ planner: inout ReadAheadPlanner, from start: Int64, count: Int) -> [ByteRange] {
    (0..<Int64(count)).compactMap { index in
      let lower = start + index * 128 * kibi
      return planner.note(lower..<lower + 128 * kibi, size: size, limits: limits)
    }
  }

  @Test func `A sequential reader's window doubles up to the largest`() {
    var planner = ReadAheadPlanner()
    let windows = read(&planner, from: 0, count: 4096)
    #expect(windows.first == 512 * kibi..<512 * kibi + mebi)
    #expect(zip(windows, windows.dropFirst()).allSatisfy { $0.upperBound == $1.lowerBound })
    let longest = windows.map { Int64($0.count) }.max() ?? 0
    #expect(longest <= limits.largest && longest >= limits.largest / 2)
    #expect(Array(windows.dropLast()).last.map { $0.upperBound - 512 * mebi <= limits.largest } == true)
  }

  @Test func `An inner chunk of a shard starts no window`() {
    var planner = ReadAheadPlanner()
    var random = SeededGenerator(seed: 3)
    for _ in 0..<40 {
      let start = Int64.random(in: 0..<size / mebi, using: &random) * mebi * 3 % (size - mebi)
      #expect(read(&planner, from: start, count: 2).isEmpty)
    }
    #expect(planner.streamCount <= limits.streams)
  }

  @Test func `A reader of the tail does not break the stream of the head`() {
    var planner = ReadAheadPlanner()
    #expect(planner.note(size - 64 * kibi..<size, size: size, limits: limits) == nil)
    _ = read(&planner, from: 0, count: 4)
    #expect(planner.note(size - 32 * kibi..<size, size: size, limits: limits) == nil)
    #expect(!read(&planner, from: 512 * kibi, count: 8).isEmpty)
  }

  @Test func `Reading backwards asks for nothing`() {
    var planner = ReadAheadPlanner()
    for index in stride(from: Int64(100), through: 0, by: -1) {
      let lower = index * 128 * kibi
      #expect(planner.note(lower..<lower + 128 * kibi, size: size, limits: limits) == nil)
    }
  }

  @Test func `Two streams in turns both get windows`() {
    var planner = ReadAheadPlanner()
    var first = 0
    var second = 0
    for index in Int64(0)..<64 {
      let lower = index * 128 * kibi
      if planner.note(lower..<lower + 128 * kibi, size: size, limits: limits) != nil { first += 1 }
      let other = size / 2 + lower
      if planner.note(other..<other + 128 * kibi, size: size, limits: limits) != nil { second += 1 }
    }
    #expect(first >= 3 && first == second)
  }

  @Test func `READs a little out of order are one stream`() {
    var planner = ReadAheadPlanner()
    var asked = ByteRangeSet()
    var total: Int64 = 0
    for pair in Int64(0)..<32 {
      for index in [pair * 2 + 1, pair * 2] {
        let lower = index * 128 * kibi
        if let ahead = planner.note(lower..<lower + 128 * kibi, size: size, limits: limits) {
          asked.insert(ahead)
          total += Int64(ahead.count)
        }
      }
    }
    #expect(planner.streamCount <= 2)
    #expect(total > 4 * mebi && asked.count == total)
  }

  @Test func `Nothing beyond the end, nothing where it is off`() {
    var planner = ReadAheadPlanner()
    var windows: [ByteRange] = []
    for index in Int64(0)..<8 {
      let lower = index * 128 * kibi
      if let ahead = planner.note(lower..<lower + 128 * kibi, size: mebi, limits: limits) { windows.append(ahead) }
    }
    #expect(windows == [512 * kibi..<mebi])
    var off = limits
    off.largest = 0
    var silent = ReadAheadPlanner()
    for index in Int64(0)..<64 {
      let lower = index * 128 * kibi
      #expect(silent.note(lower..<lower + 128 * kibi, size: size, limits: off) == nil)
    }
  }
}
