import Fetch
import Platform
import Testing

@Suite struct LinkEstimatorTests {
  /// 30 ms, and 90 MB/s for 900 KB.
  private func note(
    _ link: inout LinkEstimator, _ count: Int = 1, delay: Int64 = 30, bytes: Int64 = 900_000, ms: Int64 = 10
  ) {
    for _ in 0..<count {
      link.note(firstByte: .milliseconds(delay), bytes: bytes, duration: .milliseconds(ms))
    }
  }

  private func isNear(_ value: Double?, _ expected: Double) -> Bool {
    guard let value else { return false }
    return abs(value - expected) <= expected / 10
  }

  @Test func `nothing is known before it is measured`() {
    var link = LinkEstimator()
    #expect(link.roundTripBytes == 0)
    note(&link, bytes: 1000, ms: 1)
    #expect(isNear(link.latency, 0.03) && link.rate == nil, "a short body says nothing of the rate")
    #expect(link.roundTripBytes == 0)
    link.note(firstByte: .zero, bytes: 1 << 20, duration: .zero)
    #expect(isNear(link.latency, 0.03) && link.rate == nil)
  }

  @Test func `bandwidth times delay`() {
    var link = LinkEstimator()
    note(&link)
    #expect(isNear(Double(link.roundTripBytes), 2_700_000))
  }

  @Test func `waiting for others is not the line's delay`() {
    var link = LinkEstimator()
    note(&link, 10)
    note(&link, 2, delay: 60, ms: 20)
    #expect(Double(link.roundTripBytes) < 1.3 * 2_700_000)
    note(&link)
    #expect(isNear(link.latency, 0.03) && isNear(link.rate, 90e6))
  }

  @Test func `a line that changes is known after some dozens`() {
    var link = LinkEstimator()
    note(&link, 10)
    // 0.9375 ^ 80 is 0.6 %.
    note(&link, 80, delay: 120, ms: 100)
    #expect(isNear(link.latency, 0.12) && isNear(link.rate, 9e6))
    note(&link, 1, delay: 5, ms: 1)
    #expect(isNear(link.latency, 0.005) && isNear(link.rate, 900e6))
  }

  @Test func `what is measured has a bound`() {
    var link = LinkEstimator()
    note(&link, delay: 10_000, bytes: 1 << 40, ms: 1)
    #expect(link.roundTripBytes == 64 << 20)
  }
}
