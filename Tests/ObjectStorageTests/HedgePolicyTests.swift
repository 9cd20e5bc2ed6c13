import Objects
import Platform
import Testing

@testable import ObjectStorage

@Suite struct LatencyHistogramTests {
  @Test func `a quantile is at most a quarter too long and never too short`() throws {
    var worst = 1.0
    var isShort = false
    for nanoseconds in stride(from: Int64(1_000_000), to: 900_000_000_000, by: 777_777_777) {
      var histogram = LatencyHistogram()
      histogram.record(Interval(nanoseconds: nanoseconds))
      let told = try #require(histogram.quantile(0.99))
      if told.nanoseconds < nanoseconds { isShort = true }
      worst = max(worst, Double(told.nanoseconds) / Double(nanoseconds))
    }
    #expect(!isShort)
    #expect(worst <= 1.25)
  }

  @Test func `the slowest of a hundred is no p99, the second slowest is`() {
    var histogram = LatencyHistogram()
    for _ in 0..<98 { histogram.record(.milliseconds(10)) }
    histogram.record(.milliseconds(300))
    histogram.record(.seconds(60))
    let p99 = histogram.quantile(0.99)
    #expect(p99.map { $0 >= .milliseconds(300) && $0 < .milliseconds(375) } == true)
    let median = histogram.quantile(0.5)
    #expect(median.map { $0 >= .milliseconds(10) && $0 < .milliseconds(13) } == true)
  }

  @Test func `it forgets`() {
    var histogram = LatencyHistogram()
    #expect(histogram.quantile(0.99) == nil)
    for _ in 0..<1000 { histogram.record(.seconds(5)) }
    for _ in 0..<10_000 { histogram.record(.milliseconds(2)) }
    let p99 = histogram.quantile(0.99)
    #expect(p99.map { $0 < .milliseconds(4) } == true)
    let weight = histogram.weight
    #expect(weight >= 1000 && weight <= 2000)
  }

  @Test func `what lies outside the buckets lies in the first and the last`() {
    var histogram = LatencyHistogram()
    histogram.record(.zero)
    histogram.record(.infinite)
    #expect(histogram.quantile(0.4) == Interval(nanoseconds: 1_250_000))
    #expect(histogram.quantile(1) == .milliseconds(1 << 20))
  }
}

@Suite struct HedgePolicyTests {
  private func get(
    _ range: GetRequest.Range = .whole, size: Int64? = nil, _ priority: TransferPriority = .demand
  ) -> GetRequest {
    let version = size.map { ObjectVersion(tag: nil, size: $0, modified: 0) }
    return GetRequest(key: "k", range: range, expected: version, priority: priority)
  }

  private func warm(_ policy: inout HedgePolicy, _ wait: Interval, _ count: Int = 100) {
    for _ in 0..<count {
      _ = policy.begin(get())
      policy.note(wait)
    }
  }

  @Test func `nothing is hedged before a hundred heads were seen`() {
    var policy = HedgePolicy()
    warm(&policy, .milliseconds(20), 99)
    let early = policy.begin(get())
    #expect(early == .watch)
    policy.note(.milliseconds(20))
    let late = policy.begin(get())
    #expect(late == .hedge(after: HedgePolicy.floor))
  }

  @Test func `the wait is the p99, and never under the floor`() {
    var policy = HedgePolicy()
    warm(&policy, .seconds(2))
    guard case .hedge(let wait) = policy.begin(get()) else {
      Issue.record("no hedge")
      return
    }
    #expect(wait >= .seconds(2) && wait <= .milliseconds(2500))
    warm(&policy, .milliseconds(1), 20_000)
    let faster = policy.begin(get())
    #expect(faster == .hedge(after: .milliseconds(500)))
  }

  @Test func `only small GETs that a reader waits for`() {
    let mebibyte: Int64 = 1 << 20
    let small = [
      get(), get(size: mebibyte), get(.bytes(0..<8 * mebibyte)), get(.bytes(5..<5 + mebibyte)), get(.suffix(100)),
      get(.bytes(8 * mebibyte..<16 * mebibyte), size: 9 * mebibyte), get(.suffix(9 * mebibyte), size: 100),
    ]
    let large = [
      get(size: mebibyte + 1), get(.bytes(1..<2 + mebibyte)), get(.bytes(0..<8 * mebibyte), size: 9 * mebibyte),
      get(.suffix(mebibyte + 1)), get(.bytes(7..<7)), get(.suffix(0)),
    ]
    #expect(small.allSatisfy { HedgePolicy.isSmall($0) })
    #expect(!large.contains { HedgePolicy.isSmall($0) })
    var policy = HedgePolicy()
    warm(&policy, .milliseconds(1))
    let plans = [get(size: 2 * mebibyte), get(.whole, .prefetch)].map { policy.begin($0) }
    #expect(plans == [.pass, .pass])
  }

  @Test func `at most one in a hundred`() {
    var policy = HedgePolicy()
    warm(&policy, .milliseconds(1), 1000)
    var made = 0
    for _ in 0..<10_000 {
      _ = policy.begin(get())
      if policy.takeSecond() { made += 1 }
    }
    #expect((109...110).contains(made), "of 10,000 GETs, and 10 saved up before")
  }

  @Test func `no more than ten are saved up, and none is given before it is earned`() {
    var policy = HedgePolicy()
    let penniless = policy.takeSecond()
    #expect(!penniless)
    warm(&policy, .milliseconds(1), 50_000)
    let made = (0..<100).count { _ in policy.takeSecond() }
    #expect(made == 10)
  }
}

@Suite struct HedgeRaceTests {
  private func error(_ text: String) -> StoreError { StoreError(.unavailable, text) }

  private func told(_ end: HedgeRace.End) -> String {
    switch end {
    case .silent: "silent"
    case .tell(let failure): failure?.message ?? "ok"
    }
  }

  @Test func `one GET alone`() {
    var race = HedgeRace()
    let start = race.begin(.first)
    #expect(start == .wins(stopsOther: false))
    let isLate = race.startSecond()
    #expect(!isLate, "the head has come")
    let end = told(race.end(.first, nil))
    #expect(end == "ok")
  }

  @Test func `the first failure of one GET alone is told at once, and nothing starts after it`() {
    var race = HedgeRace()
    let end = told(race.end(.first, error("broke")))
    #expect(end == "broke")
    let starts = race.startSecond()
    #expect(!starts)
  }

  @Test(arguments: [HedgeRace.Runner.first, .second])
  func `the faster one wins and the other is silent`(_ winner: HedgeRace.Runner) {
    var race = HedgeRace()
    let starts = race.startSecond()
    let twice = race.startSecond()
    #expect(starts && !twice)
    let start = race.begin(winner)
    let late = race.begin(winner.other)
    #expect(start == .wins(stopsOther: true) && late == .late)
    let loser = told(race.end(winner.other, error("cancelled")))
    let end = told(race.end(winner, error("broke")))
    #expect(loser == "silent" && end == "broke", "after a head, its failure is the answer")
  }

  @Test(arguments: [HedgeRace.Runner.first, .second])
  func `a failure waits for the other one`(_ failing: HedgeRace.Runner) {
    var race = HedgeRace()
    _ = race.startSecond()
    let early = told(race.end(failing, error("404")))
    let start = race.begin(failing.other)
    let end = told(race.end(failing.other, nil))
    #expect(early == "silent" && start == .wins(stopsOther: false) && end == "ok")

    var lost = HedgeRace()
    _ = lost.startSecond()
    _ = lost.end(failing, error("one"))
    let both = told(lost.end(failing.other, error("two")))
    #expect(both == "one")
  }

  @Test func `cancelled, it starts no second one and tells the last end`() {
    var race = HedgeRace()
    _ = race.startSecond()
    _ = race.end(.second, error("broke"))
    race.cancel()
    let end = told(race.end(.first, error("cancelled")))
    #expect(end == "cancelled")
    var single = HedgeRace()
    single.cancel()
    let starts = single.startSecond()
    #expect(!starts)
  }
}
