package import Objects
package import Platform

/// What is known of the mounted Zarr hierarchy: a lock around `HierarchyTable`, and the clock.
package final class Hierarchy: NameOracle {
  private let table: Monitor<HierarchyTable>
  private let time: any TimeSource

  package init(_ configuration: HierarchyTable.Configuration, time: any TimeSource) {
    table = Monitor(HierarchyTable(configuration))
    self.time = time
  }

  package func judge(_ name: EntryName, in directory: DirectoryReference) -> Advice {
    let (now, monotonic) = (time.now(), time.monotonic())
    return table.withLock { $0.judge(name, in: directory.key, at: now, monotonic) }
  }

  package func noteRead(_ key: ObjectKey) -> [Ahead] {
    let now = time.monotonic()
    return table.withLock { $0.read(key, at: now) }
  }

  package func noteDocument(_ key: ObjectKey, _ bytes: UnsafeRawBufferPointer) -> [Ahead] {
    let now = time.now()
    guard let document = HierarchyTable.Document(key, Array(bytes)) else { return [] }
    return table.withLock { $0.learn(document, at: now) }
  }

  package func isReadInParts(_ key: ObjectKey) -> Bool { table.withLock { $0.isShard(key) } }

  package func document(of key: ObjectKey) -> DocumentPlace? { table.withLock { $0.document(of: key) } }

  package func noteAbsent(_ key: ObjectKey) { table.withLock { $0.absent(key) } }

  package func noteFailed(_ key: ObjectKey) { table.withLock { $0.failed(key) } }

  package func noteListed(_ array: ObjectKey, _ keys: [ObjectKey]?, complete: Bool) {
    let now = time.now()
    table.withLock { $0.listed(array, keys, complete: complete, at: now) }
  }

  package func forbiddenCase(ofChunk key: ObjectKey) -> ForbiddenCase? {
    table.withLock { $0.forbiddenCase(ofChunk: key) }
  }

  package func isInsideArray(_ directory: ObjectKey) -> Bool { table.withLock { $0.isInsideArray(directory) } }

  package func isNamed(_ directory: ObjectKey) -> Bool { table.withLock { $0.isNamed(directory) } }
}
