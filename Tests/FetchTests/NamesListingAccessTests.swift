import Fetch
import Platform
import Testing

@Suite struct NamesListingAccessTests {
  private static let start = MonotonicTime(nanoseconds: 1_000_000_000_000)

  @Test func aRefusalAloneIsNotBelieved() {
    var access = ListingAccess(at: Self.start)
    access.answered(at: Self.start)
    access.refused(at: Self.start)
    #expect(!access.isRefused)
    let first = access.mayAsk(at: Self.start)
    let second = access.mayAsk(at: Self.start)
    #expect(first && second)
  }

  @Test func aRefusalThatObjectsContradictIsLearnedForAWhile() {
    var access = ListingAccess(at: Self.start)
    access.refused(at: Self.start)
    access.answered(at: Self.start + .seconds(1))
    #expect(access.isRefused)
    let early = access.mayAsk(at: Self.start + .seconds(300))
    let due = access.mayAsk(at: Self.start + .seconds(301))
    let other = access.mayAsk(at: Self.start + .seconds(302))
    #expect(!early && due && !other)
    access.refused(at: Self.start + .seconds(303))
    let again = access.mayAsk(at: Self.start + .seconds(602))
    #expect(!again)
    access.listed()
    #expect(!access.isRefused)
  }

  /// One 403 that passed had hidden the directories of chunks for five minutes: fill values.
  @Test func aRefusalAfterAListingIsNeverBelieved() {
    var access = ListingAccess(.works, at: Self.start)
    var later = ListingAccess(at: Self.start)
    later.listed()
    for second in 1...1000 {
      access.refused(at: Self.start + .seconds(Int64(second)))
      access.answered(at: Self.start + .seconds(Int64(second)))
      later.refused(at: Self.start + .seconds(Int64(second)))
      later.answered(at: Self.start + .seconds(Int64(second)))
    }
    #expect(!access.isRefused && !later.isRefused)
    let asks = access.mayAsk(at: Self.start + .seconds(1001))
    #expect(asks)
  }

  @Test func whatTheMountFoundOutHolds() {
    var access = ListingAccess(.refused, at: Self.start)
    let now = access.mayAsk(at: Self.start)
    let later = access.mayAsk(at: Self.start + ListingAccess.interval)
    #expect(!now && later && access.isRefused)
  }
}
