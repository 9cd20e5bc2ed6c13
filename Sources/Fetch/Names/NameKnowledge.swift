package import Objects
package import Platform

/// What is near about one name, and what follows from it: the cheap half of a lookup. Pure.
package struct NameKnowledge {
  package enum Decision: Equatable, Sendable {
    /// Fresh, or all there is (`isStale`) where nothing may be asked.
    case found(Entry, valid: Interval, isStale: Bool)
    case absent(valid: Interval, isStale: Bool)
    /// Ask the remote. If it fails, `fallback` is what was known; `.absent` entries may be made from an old listing.
    case ask(ResolvePlan.Purpose, fallback: Entry?)
    /// Nothing is known and nothing may be asked.
    case unknown
  }

  /// As the index has it.
  package var entry: Entry?
  /// When the last complete listing of the directory was begun.
  package var listed: WallTime?

  package init(entry: Entry?, listed: WallTime?) {
    self.entry = entry
    self.listed = listed
  }

  package func decide(_ freshness: Freshness, isOffline: Bool) -> Decision {
    if let entry, let left = freshness.remaining(of: entry) {
      return Self.answer(entry, valid: left, isStale: false)
    }
    let isMissing = entry == nil || entry?.kind == .absent
    if isMissing, let listed, let left = freshness.remaining(validated: listed) {
      return .absent(valid: left, isStale: false)
    }
    let fallback = entry ?? listed.map { Entry(inode: .root, kind: .absent, validated: $0.milliseconds) }
    if isOffline { return fallback.map { Self.answer($0, valid: .seconds(1), isStale: true) } ?? .unknown }
    switch entry?.kind {
    case .file: return .ask(.file, fallback: fallback)
    case .directory: return .ask(.directory, fallback: fallback)
    case .absent, nil: return .ask(.unknown, fallback: fallback)
    }
  }

  private static func answer(_ entry: Entry, valid: Interval, isStale: Bool) -> Decision {
    entry.kind == .absent
      ? .absent(valid: valid, isStale: isStale) : .found(entry, valid: valid, isStale: isStale)
  }
}
