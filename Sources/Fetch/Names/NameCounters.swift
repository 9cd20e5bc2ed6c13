import Synchronization

/// What happened to names since the mount, for `stats`. Counted without a lock.
package final class NameCounters: Sendable {
  package enum Counter: Int, CaseIterable, Sendable {
    /// Lookups, and those answered without asking the remote.
    case lookups, nearAnswers
    /// Lookups of what is older than `--ttl`, answered because its document is unchanged.
    case vouchedAnswers
    /// Lookups that ended in ENOENT.
    case negativeAnswers
    /// Answers and listings given although stale, because the remote could not be asked.
    case staleServed
    /// Lookups whose name appeared as a poisoned entry.
    case poisoned
    /// Keys that cannot be file names.
    case hiddenNames
    /// HEADs, LISTs and GETs asked to find out about names; pages of listings.
    case questions, listingPages
    case listingsCompleted, listingsFailed
    /// READs that failed.
    case readFailures

    package var name: String {
      switch self {
      case .lookups: "lookups"
      case .nearAnswers: "near_answers"
      case .vouchedAnswers: "vouched_answers"
      case .negativeAnswers: "negative_answers"
      case .staleServed: "stale_served"
      case .poisoned: "poisoned"
      case .hiddenNames: "hidden_names"
      case .questions: "questions"
      case .listingPages: "listing_pages"
      case .listingsCompleted: "listings_completed"
      case .listingsFailed: "listings_failed"
      case .readFailures: "read_failures"
      }
    }
  }

  private let lookups = Atomic<Int>(0)
  private let nearAnswers = Atomic<Int>(0)
  private let vouchedAnswers = Atomic<Int>(0)
  private let negativeAnswers = Atomic<Int>(0)
  private let staleServed = Atomic<Int>(0)
  private let poisoned = Atomic<Int>(0)
  private let hiddenNames = Atomic<Int>(0)
  private let questions = Atomic<Int>(0)
  private let listingPages = Atomic<Int>(0)
  private let listingsCompleted = Atomic<Int>(0)
  private let listingsFailed = Atomic<Int>(0)
  private let readFailures = Atomic<Int>(0)

  package init() {}

  package func count(_ counter: Counter, _ amount: Int = 1) {
    with(counter) { $0.wrappingAdd(amount, ordering: .relaxed) }
  }

  package subscript(counter: Counter) -> Int { with(counter) { $0.load(ordering: .relaxed) } }

  @discardableResult
  private func with<Value>(_ counter: Counter, _ body: (borrowing Atomic<Int>) -> Value) -> Value {
    switch counter {
    case .lookups: body(lookups)
    case .nearAnswers: body(nearAnswers)
    case .vouchedAnswers: body(vouchedAnswers)
    case .negativeAnswers: body(negativeAnswers)
    case .staleServed: body(staleServed)
    case .poisoned: body(poisoned)
    case .hiddenNames: body(hiddenNames)
    case .questions: body(questions)
    case .listingPages: body(listingPages)
    case .listingsCompleted: body(listingsCompleted)
    case .listingsFailed: body(listingsFailed)
    case .readFailures: body(readFailures)
    }
  }
}
