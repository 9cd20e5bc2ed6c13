import Fetch
import Objects
import Platform
import Testing

@Suite struct NamesKnowledgeTests {
  private let version = ObjectVersion(tag: nil, size: 1, modified: 0)

  private func decide(
    _ kind: Entry.Kind?, age: Int64 = 0, listedAge: Int64? = nil, offline: Bool = false, ttl: Interval = .seconds(60)
  ) -> NameKnowledge.Decision {
    let now = WallTime(milliseconds: 1_000_000_000)
    let entry = kind.map { Entry(inode: InodeNumber(70_000), kind: $0, validated: now.milliseconds - age * 1000) }
    let listed = listedAge.map { WallTime(milliseconds: now.milliseconds - $0 * 1000) }
    return NameKnowledge(entry: entry, listed: listed).decide(
      Freshness(timeToLive: ttl, now: now), isOffline: offline)
  }

  @Test func youngAnswersAreGiven() {
    guard case .found(_, let valid, false) = decide(.file(version), age: 20) else { fatalError() }
    #expect(valid == .seconds(40))
    #expect(decide(.absent, age: 59) == .absent(valid: .seconds(1), isStale: false))
  }

  @Test func oldOnesAreAskedFor() {
    guard case .ask(.file, .some) = decide(.file(version), age: 60) else { fatalError() }
    guard case .ask(.directory, .some) = decide(.directory, age: 600) else { fatalError() }
    guard case .ask(.unknown, .some) = decide(.absent, age: 600) else { fatalError() }
    #expect(decide(nil) == .ask(.unknown, fallback: nil))
  }

  @Test func aFreshListingAnswersForWhatItLacks() {
    #expect(decide(nil, listedAge: 10) == .absent(valid: .seconds(50), isStale: false))
    #expect(decide(.absent, age: 100, listedAge: 10) == .absent(valid: .seconds(50), isStale: false))
    guard case .ask(.unknown, .some) = decide(nil, listedAge: 100) else { fatalError() }
  }

  @Test func aClockSetBackMakesStale() {
    guard case .ask(.file, .some) = decide(.file(version), age: -10) else { fatalError() }
  }

  @Test func infiniteIsForEver() {
    guard case .found(_, .infinite, false) = decide(.directory, age: 999_999, ttl: .infinite) else { fatalError() }
  }

  @Test func offlineNeverAsks() {
    guard case .found(_, _, true) = decide(.directory, age: 999_999, offline: true) else { fatalError() }
    guard case .absent(_, true) = decide(nil, listedAge: 100, offline: true) else { fatalError() }
    #expect(decide(nil, offline: true) == .unknown)
  }
}

@Suite struct NamesRemoteHealthTests {
  @Test func whileDownOneProbeASecond() {
    var health = RemoteHealth()
    let start = MonotonicTime(nanoseconds: 10_000_000_000)
    #expect(!health.servesAtOnce)
    health.failed(at: start)
    #expect(health.servesAtOnce)
    let probes = [500, 1000, 1500].map { health.beginsProbe(at: start + .milliseconds($0)) }
    #expect(probes == [false, true, false])
    health.answered()
    #expect(!health.servesAtOnce)
  }

  @Test func oneLogLineAMinute() {
    var health = RemoteHealth()
    let start = MonotonicTime(nanoseconds: 0)
    let lines = [0, 59, 60].map { health.mayLog(at: start + .seconds($0)) }
    #expect(lines == [true, false, true])
  }
}
