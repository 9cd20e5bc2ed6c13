import Objects
import Platform

/// What could not be fetched a moment ago, so that the kernel's second try of a READ fails at once (promise 3). Pure.
struct RecentFailures: Sendable {
  private struct Failed {
    var range: ByteRange
    var failure: FetchFailure
    var until: MonotonicTime
  }

  /// Those that are over are let go when there are more.
  private static let limit = 1024

  private let memory: Interval
  private var failures: [InodeNumber: [Failed]] = [:]
  private var count = 0

  /// `memory`: how long each is remembered.
  init(memory: Interval) { self.memory = memory }

  mutating func note(_ range: ByteRange, of inode: InodeNumber, _ failure: FetchFailure, _ now: MonotonicTime) {
    if count >= Self.limit {
      failures = failures.compactMapValues { list in
        let left = list.filter { $0.until > now }
        return left.isEmpty ? nil : left
      }
      count = failures.values.reduce(0) { $0 + $1.count }
    }
    failures[inode, default: []].append(Failed(range: range, failure: failure, until: now + memory))
    count += 1
  }

  /// The latest failure of bytes that are missing now.
  mutating func find(_ inode: InodeNumber, _ missing: [ByteRange], _ now: MonotonicTime) -> FetchFailure? {
    guard count > 0, let list = failures[inode] else { return nil }
    let left = list.filter { $0.until > now }
    count -= list.count - left.count
    failures[inode] = left.isEmpty ? nil : left
    return left.last { failed in missing.contains { $0.overlaps(failed.range) } }?.failure
  }
}
