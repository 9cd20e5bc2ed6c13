package import Platform

/// Runs something later, on a thread of its own. `TransferLoop` is one; tests have one that they move by hand.
package protocol Scheduler: AnyObject, Sendable {
  /// Runs `body` once, after `interval`; at once, when the scheduler stops before.
  func after(_ interval: Interval, _ body: @escaping @Sendable () -> Void)
}
