package import Objects

/// What can be said of a name without asking: the seam for what knows Zarr.
package protocol NameOracle: AnyObject, Sendable {
  /// Asked when neither the index nor a listing knows the name. On the caller's stack: must be quick, never waits.
  func judge(_ name: EntryName, in directory: DirectoryReference) -> NameJudgement

  /// A metadata document was read whole.
  func noteDocument(_ key: ObjectKey, _ bytes: UnsafeRawBufferPointer)
}

package enum NameJudgement: Equatable, Sendable {
  /// Nothing is known: HEAD and LIST.
  case ask
  /// A chunk inside the grid, likely to be read: the GET itself.
  case askByGet(StorageClass)
  /// Outside the grid.
  case absent
  /// Exists by construction.
  case directory
}

/// Knows nothing.
package final class SilentOracle: NameOracle {
  package init() {}
  package func judge(_ name: EntryName, in directory: DirectoryReference) -> NameJudgement { .ask }
  package func noteDocument(_ key: ObjectKey, _ bytes: UnsafeRawBufferPointer) {}
}
