package import Objects

/// Something worth fetching before anybody asks: what the hierarchy advises, and `AheadFetcher` does.
package enum Ahead: Equatable, Sendable {
  /// A key below `base`, an existing directory; the directories between exist by construction.
  case object(base: ObjectKey, path: ObjectKey, StorageClass)
  /// Inner chunks of the shard of this key.
  case inner(base: ObjectKey, path: ObjectKey, InnerChunks)
  /// Every name of an array, in pages (the listing without a delimiter).
  case listArray(ObjectKey)
  /// The names of a directory, one page: answers what readers probe for.
  case listDirectory(ObjectKey)
  /// The names of a directory that begin with a dot: the same, where the others are many.
  case listDots(ObjectKey)
}

/// What is known of a name without asking, and what is worth fetching besides.
package struct Advice: Equatable, Sendable {
  package var judgement: NameJudgement
  package var ahead: [Ahead]

  package init(_ judgement: NameJudgement, ahead: [Ahead] = []) {
    self.judgement = judgement
    self.ahead = ahead
  }
}
