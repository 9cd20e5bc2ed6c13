package import Fetch
package import Objects
package import Platform

/// The tree as the kernel sees it: numbers, names, attributes, bytes. Read only.
///
/// Everything that takes time is behind `NameSpace`; here the kernel's references are counted, answers get their
/// timeouts, and failures become error numbers. In several files: +Lookup, +Read, +Directory, +Control, +Facts.
package final class ZarrFileSystem: ServedFileSystem {
  struct State {
    var table = InodeTable()
    /// What the last batch of each open directory showed, should the kernel take references to it.
    var listed: [InodeNumber: Listed] = [:]
    var batches: [UInt64: [InodeNumber]] = [:]
    var nextPoisoned = InodeNumber.firstPoisoned.rawValue
    var replaced = ReplacedFiles()
    var onReplaced: (@Sendable (InodeNumber) -> Void)?
  }

  struct Listed {
    var handle: UInt64
    var directory: InodeNumber
    var shape: InodeTable.Shape
  }

  let names: NameSpace
  let options: FileSystemOptions
  let log: Log
  let state = Monitor(State())
  let directories: Monitor<DirectoryTable>
  let control: ControlFiles
  let started: MonotonicTime

  /// `configuration`: what `.zarrfs/config.json` shows. `statistics`: what the layers that are not seen from here add
  /// to `.zarrfs/stats.json`.
  package init(
    names: NameSpace, options: FileSystemOptions, configuration: JSONText = .object([]),
    statistics: @escaping @Sendable () -> [(String, JSONText)] = { [] }, log: Log
  ) {
    self.names = names
    self.options = options
    self.log = log
    directories = Monitor(DirectoryTable(limit: options.maximumDirectories))
    control = ControlFiles(configuration: configuration, statistics: statistics)
    started = names.time.monotonic()
  }

  /// Inodes that the kernel knows.
  package var inodeCount: Int { state.withLock { $0.table.count } }

  // MARK: Attributes

  package func attributes(
    of inode: InodeNumber, _ answer: @escaping @Sendable (Result<AttributesAnswer, Errno>) -> Void
  ) -> (any PendingRequest)? {
    answer(attributesNow(of: inode))
    return nil
  }

  private func attributesNow(of inode: InodeNumber) -> Result<AttributesAnswer, Errno> {
    if inode.isControl {
      return .success(AttributesAnswer(attributes: attributes(inode, .directory), valid: .infinite))
    }
    if inode.isSnapshot {
      guard let size = control.size(of: inode) else { return .failure(.stale) }
      return .success(AttributesAnswer(attributes: controlAttributes(inode, size: size), valid: .zero))
    }
    let isReplaced = state.withLock { $0.replaced.contains(inode) }
    guard !isReplaced, let shape = shape(of: inode) else { return .failure(.stale) }
    let valid: Interval = if case .poisoned = shape { .zero } else { .infinite }
    return .success(AttributesAnswer(attributes: attributes(inode, shape), valid: valid))
  }

  /// What the kernel was told, or else what the index has.
  func shape(of inode: InodeNumber) -> InodeTable.Shape? {
    if let node = state.withLock({ $0.table.node(inode) }) { return node.shape }
    return names.location(of: inode).flatMap { InodeTable.Shape($0.entry.kind) }
  }

  func attributes(_ inode: InodeNumber, _ shape: InodeTable.Shape) -> Attributes {
    switch shape {
    case .file(let version): file(inode, size: version.size, modified: version.modified)
    case .poisoned: file(inode, size: Self.poisonedSize, modified: 0)
    case .directory:
      // A constant time: S3 has none for directories, and it must be the same after a remount.
      Attributes(
        inode: inode, isDirectory: true, size: 4096, modified: 0, permissions: 0o555 & ~options.umask,
        owner: options.owner, group: options.group)
    }
  }

  private func file(_ inode: InodeNumber, size: Int64, modified: Int64) -> Attributes {
    Attributes(
      inode: inode, isDirectory: false, size: size, modified: modified, permissions: 0o444 & ~options.umask,
      owner: options.owner, group: options.group)
  }

  func controlAttributes(_ inode: InodeNumber, size: Int64) -> Attributes {
    var shown = file(inode, size: size, modified: names.time.now().milliseconds)
    if inode.isSnapshot, control.isAction(inode) { shown.permissions &= 0o400 }
    return shown
  }

  /// Not zero, because readers take an empty file for an empty chunk (`readers.md` 11.1).
  static var poisonedSize: Int64 { 4096 }

  // MARK: Keys

  /// The key of an inode, from the table or else from the index.
  func key(of inode: InodeNumber) -> ObjectKey? {
    if let key = state.withLock({ $0.table.key(of: inode) }) { return key }
    guard let place = names.location(of: inode), let directory = key(of: place.directory) else { return nil }
    return directory.appending(place.name, asDirectory: place.entry.kind == .directory)
  }

  func directory(_ inode: InodeNumber) -> DirectoryReference? {
    guard let key = key(of: inode), key.isDirectory else { return nil }
    return DirectoryReference(inode: inode, key: key)
  }

  // MARK: The rest of the face

  package func forget(_ inode: InodeNumber, count: UInt64) {
    if inode.isControl { return }
    if inode.isSnapshot { return control.forget(inode, count: count) }
    state.withLock { state in
      state.table.forget(inode, count: count)
      if state.replaced.contains(inode), state.table.node(inode) == nil { state.replaced.forget(inode) }
    }
  }

  package func onReplaced(_ tell: @escaping @Sendable (InodeNumber) -> Void) { state.withLock { $0.onReplaced = tell } }

  package func checkOpen(_ inode: InodeNumber, forWriting: Bool) -> Errno? {
    if forWriting { return .readOnly }
    if inode.isControl || shape(of: inode) == .directory { return .isDirectory }
    return nil
  }

  package func statistics() -> VolumeStatistics {
    let volume = names.volume
    return VolumeStatistics(
      capacity: volume.bound, free: max(0, volume.bound - volume.allocated), files: volume.bodies)
  }
}

extension InodeTable.Shape {
  /// nil for what is absent.
  init?(_ kind: Entry.Kind) {
    switch kind {
    case .file(let version): self = .file(version)
    case .directory: self = .directory
    case .absent: return nil
    }
  }
}
