/// `--freshness`: what makes a known object good beyond `--ttl` (docs/decisions/008). Absences and listings follow `--ttl`
/// whatever it is: a writer may fill in a sparse array, or add one, without touching what is there.
package enum FreshnessPolicy: String, Sendable, CaseIterable {
  /// Nothing: each object is revalidated.
  case object
  /// That the own document of its array still has the version under which the object was last known to be good.
  case metadata
  /// That it was seen once.
  case immutable
}
