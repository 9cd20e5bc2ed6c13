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
  /// `--missing-403`.
  package var missingForbidden: MissingForbidden
  /// Found out at mount: whether names may be listed.
  package var listing: ListingAccess.Finding
  /// How long a revalidation may take before what is known is served stale, if that is allowed. While the remote is
  /// slow or dead, this is what the first asker waits; the next ones do not.
  package var patience: Interval
  /// Names being asked at once; one more is answered as unknown.
  package var maximumInquiries: Int

  package init(
    timeToLive: Interval = .seconds(60), policy: FreshnessPolicy = .object, servesStaleOnError: Bool = true,
    isOffline: Bool = false, missingForbidden: MissingForbidden = .auto, listing: ListingAccess.Finding = .unknown,
    patience: Interval = .seconds(2), maximumInquiries: Int = 8192
  ) {
    self.timeToLive = timeToLive
    self.policy = policy
    self.servesStaleOnError = servesStaleOnError
    self.isOffline = isOffline
    self.missingForbidden = missingForbidden
    self.listing = listing
    self.patience = patience
    self.maximumInquiries = maximumInquiries
  }

  func freshness(at now: WallTime) -> Freshness { Freshness(timeToLive: timeToLive, now: now, policy: policy) }
}
