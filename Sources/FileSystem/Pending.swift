import Fetch

/// What the layer below waits for, as the kernel's side knows it.
final class Pending: PendingRequest {
  private let action: @Sendable () -> Void

  init(_ action: @escaping @Sendable () -> Void) { self.action = action }

  convenience init?(_ pending: (any PendingName)?) {
    guard let pending else { return nil }
    self.init { pending.interrupt() }
  }

  convenience init?(_ pending: (any PendingRead)?) {
    guard let pending else { return nil }
    self.init { pending.interrupt() }
  }

  func interrupt() { action() }
}
