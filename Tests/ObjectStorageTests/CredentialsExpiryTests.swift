import Platform
import Testing

@testable import ObjectStorage

/// `ExpiringCredentials` as a script: event in, action out.
@Suite("ExpiringCredentials") struct CredentialsExpiryTests {
  /// The machine with its clocks, and its actions as text.
  struct Script {
    var machine = ExpiringCredentials<String>()
    var seconds: Int64 = 0

    var now: WallTime { WallTime(milliseconds: 1_000_000 + seconds * 1000) }
    var monotonic: MonotonicTime { MonotonicTime(nanoseconds: seconds * 1_000_000_000) }

    mutating func request(_ waiter: String) -> String {
      switch machine.request(waiter, now: now, monotonic: monotonic) {
      case .answer(let result): "answer \(Self.text(result))"
      case .answerAndFetch(let value): "answer \(value?.accessKey ?? "anonymous") and fetch"
      case .fetch: "fetch"
      case .wait: "wait"
      }
    }

    /// Credentials that live so long.
    mutating func fetched(_ key: String, life: Int64? = nil) -> String {
      let value = Credentials(accessKey: key, secretKey: "s", expires: life.map { now + .seconds($0) })
      let outcome = machine.fetched(.success(value), now: now, monotonic: monotonic)
      return "\(outcome.waiters.joined(separator: ",")) get \(Self.text(outcome.result))"
    }

    mutating func failed() -> String {
      let outcome = machine.fetched(.failure(StoreError(.unavailable, "down")), now: now, monotonic: monotonic)
      return "\(outcome.waiters.joined(separator: ",")) get \(Self.text(outcome.result))"
    }

    mutating func invalidate() { machine.invalidate(now: now) }

    static func text(_ result: Result<Credentials?, StoreError>) -> String {
      switch result {
      case .success(let value): value?.accessKey ?? "anonymous"
      case .failure(let error): "failure \(error.message)"
      }
    }
  }

  @Test("Many ask, one fetch answers them all")
  func singleFlight() {
    var script = Script()
    #expect(script.request("a") == "fetch")
    #expect(script.request("b") == "wait")
    #expect(script.request("c") == "wait")
    #expect(script.fetched("one") == "a,b,c get one")
    script.seconds = 1_000_000
    #expect(script.request("d") == "answer one")
  }

  @Test("Shortly before the end a new one is fetched and the old one given meanwhile")
  func refresh() {
    var script = Script()
    #expect(script.request("a") == "fetch")
    #expect(script.fetched("one", life: 3600) == "a get one")
    script.seconds = 3299
    #expect(script.request("b") == "answer one")
    script.seconds = 3300
    #expect(script.request("c") == "answer one and fetch")
    #expect(script.request("d") == "answer one")
    #expect(script.fetched("two", life: 3600) == " get two")
    #expect(script.request("e") == "answer two")
  }

  @Test("What has expired is not given, also while its successor is being fetched")
  func expired() {
    var script = Script()
    #expect(script.request("a") == "fetch")
    #expect(script.fetched("one", life: 100) == "a get one")
    script.seconds = 80
    #expect(script.request("b") == "answer one and fetch")
    script.seconds = 100
    #expect(script.request("c") == "wait")
    #expect(script.request("d") == "wait")
    #expect(script.fetched("two", life: 100) == "c,d get two")
    script.seconds = 500
    #expect(script.request("e") == "fetch")
  }

  @Test("Short-lived credentials are fetched anew in the last quarter of their life, not all the time")
  func shortLived() {
    var script = Script()
    #expect(script.request("a") == "fetch")
    #expect(script.fetched("one", life: 120) == "a get one")
    script.seconds = 89
    #expect(script.request("b") == "answer one")
    script.seconds = 90
    #expect(script.request("c") == "answer one and fetch")
  }

  @Test("A failed refresh leaves the old one, and the next waits longer each time")
  func failedRefresh() {
    var script = Script()
    #expect(script.request("a") == "fetch")
    #expect(script.fetched("one", life: 3600) == "a get one")
    script.seconds = 3300
    #expect(script.request("b") == "answer one and fetch")
    #expect(script.failed() == " get failure down")
    #expect(script.request("c") == "answer one")
    script.seconds = 3301
    #expect(script.request("d") == "answer one and fetch")
    #expect(script.failed() == " get failure down")
    script.seconds = 3302
    #expect(script.request("e") == "answer one")
    script.seconds = 3303
    #expect(script.request("f") == "answer one and fetch")
    script.seconds = 3600
    #expect(script.request("g") == "wait")
    #expect(script.failed() == "g get failure down")
    #expect(script.request("h") == "answer failure down")
    script.seconds = 3604
    #expect(script.request("i") == "fetch")
    #expect(script.fetched("two") == "i get two")
  }

  @Test("Without any, a failure is given until the pause is over; the pause has a bound")
  func failures() {
    var script = Script()
    for pause: Int64 in [1, 2, 4, 8, 16, 30, 30] {
      #expect(script.request("a") == "fetch")
      #expect(script.failed() == "a get failure down")
      script.seconds += pause - 1
      #expect(script.request("b") == "answer failure down")
      script.seconds += 1
    }
    #expect(script.request("c") == "fetch")
  }

  @Test("What the remote refused is not given again; refusals right after a fetch are of older requests")
  func invalidate() {
    var script = Script()
    #expect(script.request("a") == "fetch")
    #expect(script.fetched("one", life: 3600) == "a get one")
    script.seconds = 2
    script.invalidate()
    #expect(script.request("b") == "answer one")
    script.seconds = 5
    script.invalidate()
    #expect(script.request("c") == "fetch")
    script.invalidate()
    #expect(script.request("d") == "wait")
    #expect(script.fetched("two", life: 3600) == "c,d get two")
    script.seconds = 3400
    #expect(script.request("e") == "answer two and fetch")
    script.invalidate()
    #expect(script.request("f") == "wait")
    #expect(script.fetched("three", life: 3600) == "f get three")
  }

  @Test(
    "Times as AWS writes them",
    arguments: [
      ("1970-01-01T00:00:00Z", 0), ("2026-01-01T00:00:00Z", 1_767_225_600), ("2024-02-29T12:34:56Z", 1_709_210_096),
      ("2026-01-01T00:00:00.123Z", 1_767_225_600), ("2026-01-01T01:00:00+01:00", 1_767_225_600),
      ("2025-12-31T19:00:00-0500", 1_767_225_600), ("2026-01-01 00:00:00Z", 1_767_225_600),
    ] as [(String, Int64)])
  func times(text: String, seconds: Int64) {
    #expect(CredentialDocument.time(text) == WallTime(milliseconds: seconds * 1000))
  }

  @Test(
    "What is no time is none",
    arguments: [
      "", "2026", "2026-01-01", "2026-13-01T00:00:00Z", "2026-01-01T00:00:00", "2026-01-01T25:00:00Z", "tomorrow",
    ])
  func noTimes(text: String) {
    #expect(CredentialDocument.time(text) == nil)
  }
}
