import Fetch
import Objects
import Platform

/// The hidden directory `.zarrfs` at the root: how `zarrfs stats` reaches the daemon, from inside a container too.
/// `docs/stats.md` describes the files.
extension ZarrFileSystem {
  func lookupControl(_ name: EntryName, in parent: InodeNumber) -> LookupAnswer {
    if parent == .root { return directory(.control) }
    if parent == .control {
      switch name {
      case ControlFiles.statisticsName: return snapshot(statisticsDocument())
      case ControlFiles.configurationName: return snapshot(control.configuration)
      case ControlFiles.inodesName: return directory(.controlInodes)
      default: return .absent(valid: .zero)
      }
    }
    guard let inode = Self.number(in: name), let facts = facts(of: inode) else { return .absent(valid: .zero) }
    return snapshot(.object(facts.map { ($0.name, $0.value) }))
  }

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
    let all = [ControlFiles.statisticsName, ControlFiles.configurationName, ControlFiles.inodesName]
    return all.enumerated().map { index, name in
      let isDirectory = name == ControlFiles.inodesName
      let number = InodeNumber(InodeNumber.controlFiles.rawValue + UInt64(index))
      let shown =
        isDirectory ? attributes(.controlInodes, .directory) : controlAttributes(number, size: 0)
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
