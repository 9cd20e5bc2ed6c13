import Fetch
import Objects
import TestSupport
import Testing

@Suite struct ByteRangeSetTests {
  @Test func `Agrees with a set of numbers, whatever is put in and taken out`() {
    var random = SeededGenerator(seed: 1)
    for _ in 0..<200 {
      var set = ByteRangeSet()
      var model = Set<Int64>()
      for _ in 0..<20 {
        let lower = Int64.random(in: 0..<24, using: &random)
        let range = lower..<lower + Int64.random(in: 0..<9, using: &random)
        if Bool.random(using: &random) {
          set.insert(range)
          model.formUnion(range)
        } else {
          let removed = set.remove(range)
          #expect(removed == Int64(model.intersection(range).count))
          model.subtract(range)
        }
        #expect(set.count == Int64(model.count))
        #expect(Set(set.ranges.flatMap { Array($0) }) == model)
        #expect(zip(set.ranges, set.ranges.dropFirst()).allSatisfy { $0.upperBound < $1.lowerBound })
        let window: ByteRange = 5..<20
        #expect(Set(set.gaps(in: window).flatMap { Array($0) }) == Set(window).subtracting(model))
        #expect(set.contains(7..<9) == model.isSuperset(of: 7..<9))
      }
    }
  }
}
