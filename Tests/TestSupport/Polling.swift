import Glibc
package import Platform

/// Looks again and again until it is so, where nothing tells when; a test that would wait in vain crashes with what it
/// waited for, as `Monitor.expect`.
package func poll(_ what: String, within limit: Interval = .seconds(60), until isSo: () -> Bool) {
  let deadline = SystemTimeSource().monotonic() + limit
  while !isSo() {
    guard SystemTimeSource().monotonic() < deadline else {
      fatalError("waited \(limit.seconds) s in vain for \(what)")
    }
    sched_yield()
  }
}
