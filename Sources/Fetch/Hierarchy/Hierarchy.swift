package import Objects
package import Platform

/// What is known of the mounted Zarr hierarchy: a lock around `HierarchyTable`, and the clock.
package final class Hierarchy: NameOracle {
  private let table: Monitor<HierarchyTable>
  private let time: any TimeSource
  private let roundTrip: @Sendable () -> Int64

  /// `roundTrip`: bytes that the line brings in one round trip, as measured so far.
  package init(
    _ configuration: HierarchyTable.Configuration, time: any TimeSource,
    roundTrip: @escaping @Sendable () -> Int64 = { 0 }
  ) {
    table = Monitor(HierarchyTable(configuration))
    self.time = time
    self.roundTrip = roundTrip
  }

  package func judge(_ name: EntryName, in directory: DirectoryReference) -> Advice {
    let (now, monotonic) = (time.now(), time.monotonic())
    let roundTrip = roundTrip()
    return table.withLock { table in
      table.configuration.roundTripBytes = roundTrip
      return table.judge(name, in: directory.key, at: now, monotonic)
    }
  }

  package func noteRead(_ key: ObjectKey) -> [Ahead] {
    let now = time.monotonic()
    let roundTrip = roundTrip()
    return table.withLock { table in
      table.configuration.roundTripBytes = roundTrip
      return table.read(key, at: now)
    }
  }

  package func noteRead(_ key: ObjectKey, inner: Int) -> [Ahead] {
    let now = time.monotonic()
    let roundTrip = roundTrip()
    return table.withLock { table in
      table.configuration.roundTripBytes = roundTrip
      return table.read(key, inner: inner, at: now)
    }
  }

  package func noteDocument(_ key: ObjectKey, _ bytes: UnsafeRawBufferPointer, validated: WallTime) -> [Ahead] {
    guard let document = HierarchyTable.Document(key, Array(bytes)) else { return [] }
    return table.withLock { $0.learn(document, at: validated) }
  }

  package func partialReading(of key: ObjectKey) -> PartialReading? { table.withLock { $0.partialReading(of: key) } }

  package func document(of key: ObjectKey) -> DocumentPlace? { table.withLock { $0.document(of: key) } }

  package func noteAbsent(_ key: ObjectKey) { table.withLock { $0.absent(key) } }

  package func note(_ fate: PrefetchFate, of key: ObjectKey, inner: [Int]) {
    table.withLock { $0.note(fate, of: key, inner: inner) }
  }

  package func noteFailed(_ key: ObjectKey) { table.withLock { $0.failed(key) } }

  package func noteListed(_ array: ObjectKey, _ keys: [ObjectKey]?, at asked: WallTime) {
    table.withLock { $0.listed(array, keys, at: asked) }
  }

  package func noteDots(_ directory: ObjectKey, _ names: Set<EntryName>, at asked: WallTime) {
    table.withLock { $0.dotted(directory, names, at: asked) }
  }

  package func forbiddenCase(ofChunk key: ObjectKey) -> ForbiddenCase? {
    table.withLock { $0.forbiddenCase(ofChunk: key) }
  }

  package func isInsideArray(_ directory: ObjectKey) -> Bool { table.withLock { $0.isInsideArray(directory) } }

  package func isNamed(_ directory: ObjectKey) -> Bool { table.withLock { $0.isNamed(directory) } }
}
