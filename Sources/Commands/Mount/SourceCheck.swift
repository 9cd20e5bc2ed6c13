import Fetch
import ObjectStorage
import Objects
import Platform

/// Asks the remote once before anything is mounted, so that a wrong set-up is told at the terminal.
struct SourceCheck {
  enum Verdict: Equatable {
    /// It works. `warning`: something the user should know. `root`: the first page of its root, where it was seen to list.
    case usable(warning: String?, root: ListPage? = nil)
    /// It works, but for listings.
    case unlisted(warning: String)
    case failed(String)
  }

  var isOffline: Bool
  var servesStale: Bool
  /// Something of the source is in the cache: worth to be mounted while the remote is away.
  var hasCachedContent: Bool

  /// Asked while the remote is waited for; when true, what is under way is cancelled.
  var isStopping: @Sendable () -> Bool

  func run(_ remote: Remote) -> Verdict {
    guard !isOffline, let store = remote.plain as? any CheckableStore else { return .usable(warning: nil) }
    var result = wait { answer in store.check { answer($0) } }
    for length: Int64 in [500, 1500] {
      guard case .failure(let error) = result, error.kind == .unavailable, !isStopping() else { break }
      pause(.milliseconds(length))
      result = wait { answer in store.check { answer($0) } }
    }
    switch result {
    case .success(.ready(let page)): return .usable(warning: nil, root: page)
    case .success(.empty):
      return .usable(warning: "nothing lies below \(remote.source): is the prefix right?", root: ListPage())
    case .success(.listingDenied(let error)): return judgeWithoutListing(remote, error)
    case .failure(let error): return judge(error)
    }
  }

  /// A failure without an answer of the remote (no network, a name that does not resolve) is no reason not to serve
  /// what is cached; an answer is.
  func judge(_ error: StoreError) -> Verdict {
    let isAway = error.status == nil && (error.kind == .unavailable || error.kind == .misconfigured)
    let isTrouble = error.kind == .unavailable
    guard hasCachedContent, servesStale, isAway || isTrouble else { return .failed(error.message) }
    return .usable(warning: "\(error.message); mounted all the same, with what is cached")
  }

  /// A bucket may allow objects to be read and not listed. One of the documents that Zarr stores begin with tells; so
  /// does the answer that there is none, which is given to those who may read.
  private func judgeWithoutListing(_ remote: Remote, _ denied: StoreError) -> Verdict {
    let warning = "directories cannot be listed, what Zarr's documents name is shown: \(denied.message)"
    for name in ["zarr.json", ".zmetadata", ".zgroup", ".zarray"] {
      let result = wait { answer in
        remote.plain.head(ObjectKey(name), priority: .demand) { answer($0) }
      }
      switch result {
      case .success: return .unlisted(warning: warning)
      case .failure(let error) where error.kind == .notFound: return .unlisted(warning: warning)
      case .failure: continue
      }
    }
    return .failed(denied.message)
  }

  private func wait<Value: Sendable>(
    _ start: (@escaping @Sendable (Value) -> Void) -> any Transfer
  ) -> Value {
    let box = Monitor<Value?>(nil)
    let transfer = start { value in box.withLockNotifying { $0 = value } }
    let time = SystemTimeSource()
    while !isStopping() {
      if let value = box.wait(until: time.monotonic() + .milliseconds(100), { $0 }) { return value }
    }
    transfer.cancel()
    return box.wait { $0 }
  }

  private func pause(_ interval: Interval) {
    let never = Monitor(())
    _ = never.wait(until: SystemTimeSource().monotonic() + interval) { _ -> Void? in nil }
  }
}

extension SourceCheck.Verdict {
  var listing: ListingAccess.Finding {
    switch self {
    case .unlisted: .refused
    case .usable(_, root: .some): .works
    case .usable, .failed: .unknown
    }
  }
}
