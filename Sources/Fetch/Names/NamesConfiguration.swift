package import Platform

/// What the user chose about names (`design.md` section 9).
package struct NamesConfiguration: Sendable {
  /// `--ttl`: younger answers are given without asking.
  package var timeToLive: Interval
  /// `--freshness`: what makes objects good beyond it.
  package var policy: FreshnessPolicy
  /// `--stale-if-error`: what is known is served when the remote cannot be asked.
  package var servesStaleOnError: Bool
  /// `--offline`: the remote is never asked.
  package var isOffline: Bool
  /// Learned at mount: a name that cannot exist was answered 403, so 403 means absent here (S3 without ListBucket).
  package var forbiddenMeansAbsent: Bool
  /// How long a revalidation may take before what is known is served stale, if that is allowed. While the remote is
  /// slow or dead, this is what the first asker waits; the next ones do not.
  package var patience: Interval
  /// Names being asked at once; one more is answered as unknown.
  package var maximumInquiries: Int

  package init(
    timeToLive: Interval = .seconds(60), policy: FreshnessPolicy = .object, servesStaleOnError: Bool = true,
    isOffline: Bool = false,
    forbiddenMeansAbsent: Bool = false, patience: Interval = .seconds(2), maximumInquiries: Int = 8192
  ) {
    self.timeToLive = timeToLive
    self.policy = policy
    self.servesStaleOnError = servesStaleOnError
    self.isOffline = isOffline
    self.forbiddenMeansAbsent = forbiddenMeansAbsent
    self.patience = patience
    self.maximumInquiries = maximumInquiries
  }

  func freshness(at now: WallTime) -> Freshness { Freshness(timeToLive: timeToLive, now: now, policy: policy) }
}
