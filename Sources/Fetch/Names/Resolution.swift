package import Objects
package import Platform

/// What a lookup found.
package enum Resolution: Sendable {
  /// A file or a directory, to be believed for `valid`.
  case found(Entry, valid: Interval)
  /// The remote said that there is nothing.
  case absent(valid: Interval)
  /// It could not be found out. Never to be shown as absence.
  case unknown(FetchFailure)
}
