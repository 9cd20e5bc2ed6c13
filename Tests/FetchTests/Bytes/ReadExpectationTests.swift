import Testing

@testable import Fetch

@Suite struct ReadExpectationTests {
  private var expectation = ReadExpectation()

  /// How many of so many lookups in a row are taken for the beginning of a read.
  private mutating func lookups(_ count: Int) -> Int { (0..<count).count { _ in expectation.lookedUp() } }

  @Test mutating func namesAloneAreLeftAlone() {
    #expect(lookups(100) == 0)
  }

  @Test mutating func whoReadsWhatItFindsIsExpectedTo() {
    expectation.read()
    for _ in 0..<100 {
      #expect(lookups(1) == 1)
      expectation.read()
    }
  }

  /// zarr-python 3 looks for ten, and reads ten.
  @Test mutating func tenAtATime() {
    for _ in 0..<10 { expectation.read() }
    for _ in 0..<100 {
      #expect(lookups(10) == 10)
      for _ in 0..<10 { expectation.read() }
    }
  }

  /// A walk over names after a long reading costs few.
  @Test mutating func aReaderThatNowOnlyLooks() {
    for _ in 0..<1000 { expectation.read() }
    #expect(lookups(1000) <= 32)
  }
}
