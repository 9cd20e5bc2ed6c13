import Synchronization

/// What the remote was asked and how it went, since the mount. Each request sent counts, repeated ones too.
package final class StoreStatistics: Sendable {
  package enum Request: Sendable { case get, head, list }

  package struct Snapshot: Equatable, Sendable {
    package var gets = 0
    package var heads = 0
    package var lists = 0
    package var retries = 0
    /// Small GETs made a second time; those of which the second was the faster one.
    package var hedges = 0
    package var hedgesWon = 0
    /// Requests that failed: not those answered "not found", "changed", or cancelled.
    package var errors = 0
    /// Of bodies.
    package var bytesReceived = 0
    /// Names in listings that lay outside what was asked.
    package var keysDropped = 0
  }

  private let gets = Atomic<Int>(0)
  private let heads = Atomic<Int>(0)
  private let lists = Atomic<Int>(0)
  private let retries = Atomic<Int>(0)
  private let hedges = Atomic<Int>(0)
  private let hedgesWon = Atomic<Int>(0)
  private let errors = Atomic<Int>(0)
  private let bytesReceived = Atomic<Int>(0)
  private let keysDropped = Atomic<Int>(0)

  package init() {}

  package func count(_ request: Request) {
    switch request {
    case .get: gets.wrappingAdd(1, ordering: .relaxed)
    case .head: heads.wrappingAdd(1, ordering: .relaxed)
    case .list: lists.wrappingAdd(1, ordering: .relaxed)
    }
  }

  package func countRetry() { retries.wrappingAdd(1, ordering: .relaxed) }
  package func countHedge() { hedges.wrappingAdd(1, ordering: .relaxed) }
  package func countHedgeWon() { hedgesWon.wrappingAdd(1, ordering: .relaxed) }
  package func countError() { errors.wrappingAdd(1, ordering: .relaxed) }
  package func countBytes(_ count: Int) { bytesReceived.wrappingAdd(count, ordering: .relaxed) }
  package func countDropped(_ count: Int) { keysDropped.wrappingAdd(count, ordering: .relaxed) }

  package var snapshot: Snapshot {
    Snapshot(
      gets: gets.load(ordering: .relaxed), heads: heads.load(ordering: .relaxed), lists: lists.load(ordering: .relaxed),
      retries: retries.load(ordering: .relaxed), hedges: hedges.load(ordering: .relaxed),
      hedgesWon: hedgesWon.load(ordering: .relaxed), errors: errors.load(ordering: .relaxed),
      bytesReceived: bytesReceived.load(ordering: .relaxed), keysDropped: keysDropped.load(ordering: .relaxed))
  }
}
