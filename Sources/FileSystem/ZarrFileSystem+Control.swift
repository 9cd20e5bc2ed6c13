import Fetch
import Objects
import Platform

/// The hidden directory `.zarrfs` at the root: how `zarrfs stats` reaches the daemon, from inside a container too.
/// `docs/stats.md` describes the files.
extension ZarrFileSystem {
  /// Whether the answer is still to come.
  func lookupControl(
    _ name: EntryName, in parent: InodeNumber, _ answer: @escaping @Sendable (LookupAnswer) -> Void
  ) -> Bool {
    if parent == .controlCached { return lookupCached(name, answer) }
    answer(lookupControl(name, in: parent))
    return false
  }

  private func lookupControl(_ name: EntryName, in parent: InodeNumber) -> LookupAnswer {
    if parent == .root { return directory(.control) }
    if parent == .control {
      switch name {
      case ControlFiles.statisticsName: return snapshot(statisticsDocument())
      case ControlFiles.configurationName: return snapshot(control.configuration)
      case ControlFiles.inodesName: return directory(.controlInodes)
      case ControlFiles.cachedName: return directory(.controlCached)
      case ControlFiles.evictName: return directory(.controlEvict)
      default: return .absent(valid: .zero)
      }
    }
    guard let inode = Self.number(in: name) else { return .absent(valid: .zero) }
    if parent == .controlEvict { return eviction(of: inode) }
    guard let facts = facts(of: inode) else { return .absent(valid: .zero) }
    return snapshot(.object(facts.map { ($0.name, $0.value) }))
  }

  /// `cached/NUMBER.json`: what is cached below a directory. Its names are counted by a thread that may take its time.
  private func lookupCached(_ name: EntryName, _ answer: @escaping @Sendable (LookupAnswer) -> Void) -> Bool {
    guard let inode = Self.number(in: name), let key = key(of: inode), shape(of: inode) == .directory else {
      answer(.absent(valid: .zero))
      return false
    }
    let work: @Sendable () -> Void = { [self] in
      let cached = names.cached(below: inode)
      answer(
        snapshot(
          .object([
            ("inode", .integer(Int64(bitPattern: inode.rawValue))), ("key", .string("\(key)")),
            ("cached_chunks", .integer(cached.chunks)), ("allocated_bytes", .integer(cached.allocated)),
          ])))
    }
    do throws(Errno) { try Thread.startDetached("control", work) } catch { work() }
    return true
  }

  /// `evict/NUMBER.json`: reading it drops what is cached of the file, or of what lies below the directory, and tells
  /// how much it was. For the owner alone (the kernel checks, `default_permissions`); of one size whatever it will say.
  private func eviction(of inode: InodeNumber) -> LookupAnswer {
    let isDirectory: Bool
    switch shape(of: inode) {
    case .directory: isDirectory = true
    case .file: isDirectory = false
    case .poisoned, nil: return .absent(valid: .zero)
    }
    let number = control.add(size: Self.evictionSize) { [names] in
      let freed = names.evict(inode, isDirectory: isDirectory)
      let text = "{\"evicted_bytes\": \(freed)}"
      return Array(text.utf8) + [UInt8](repeating: 0x20, count: Int(Self.evictionSize) - text.utf8.count - 1) + [0x0A]
    }
    return .found(
      controlAttributes(number, size: Self.evictionSize), entryValid: .zero, attributesValid: .zero)
  }

  /// Room for 19 digits.
  private static var evictionSize: Int64 { 64 }

  private func directory(_ inode: InodeNumber) -> LookupAnswer {
    .found(attributes(inode, .directory), entryValid: options.entryCap, attributesValid: .infinite)
  }

  private func snapshot(_ document: JSONText) -> LookupAnswer {
    let bytes = document.bytes
    let inode = control.add(bytes)
    return .found(controlAttributes(inode, size: Int64(bytes.count)), entryValid: .zero, attributesValid: .zero)
  }

  /// `123.json`
  private static func number(in name: EntryName) -> InodeNumber? {
    let text = "\(name)"
    guard text.hasSuffix(".json") else { return nil }
    return UInt64(text.dropLast(5)).map { InodeNumber($0) }
  }

  func parentOfControl(_ inode: InodeNumber) -> InodeNumber { inode == .control ? .root : .control }

  /// Shown without a number that the kernel could keep: `isDot`.
  func controlEntries(of inode: InodeNumber) -> [DirectoryEntry] {
    guard inode == .control else { return [] }
    let all: [(EntryName, InodeNumber?)] = [
      (ControlFiles.statisticsName, nil), (ControlFiles.configurationName, nil),
      (ControlFiles.inodesName, .controlInodes), (ControlFiles.cachedName, .controlCached),
      (ControlFiles.evictName, .controlEvict),
    ]
    return all.enumerated().map { index, item in
      let (name, directory) = item
      let number = InodeNumber(InodeNumber.controlFiles.rawValue + UInt64(index))
      let shown = directory.map { attributes($0, .directory) } ?? controlAttributes(number, size: 0)
      return DirectoryEntry(
        name: name, attributes: shown, offset: Int64(index) + 3, entryValid: .zero, attributesValid: .zero, isDot: true)
    }
  }

  // MARK: stats.json

  private func statisticsDocument() -> JSONText {
    let uptime = names.time.monotonic() - started
    let names = self.names
    let counters = NameCounters.Counter.allCases.map { ($0.name, JSONText.integer(Int64(names.counters[$0]))) }
    return .object(
      [
        ("format", .integer(1)),
        ("uptime_seconds", .number(uptime.seconds)),
        ("listing", .string(names.listing)),
        ("names", .object(counters)),
        ("reads", .object(names.fetchNumbers.map { ($0.name, .integer($0.value)) })),
        ("cache", .object(cacheNumbers())),
        ("inodes_known", .integer(Int64(inodeCount))),
        ("directories_open", .integer(Int64(directories.withLock { $0.count }))),
      ] + control.statistics())
  }

  private func cacheNumbers() -> [(String, JSONText)] {
    names.cacheNumbers.map { ($0.name, .integer($0.value)) } + [("state", .string(names.cacheState))]
  }
}
