import Fetch
package import Objects
package import Platform

/// What `zarrfs stats PATH` and the extended attributes tell of one inode.
extension ZarrFileSystem {
  struct Fact {
    var name: String
    var value: JSONText
  }

  /// nil where nothing is known.
  func facts(of inode: InodeNumber) -> [Fact]? {
    if inode == .root {
      return [
        Fact(name: "inode", value: .integer(1)), Fact(name: "kind", value: .string("directory")),
        Fact(name: "key", value: .string("")),
      ]
    }
    guard let shape = shape(of: inode), let key = key(of: inode) else { return nil }
    var facts = [Fact(name: "inode", value: .integer(Int64(bitPattern: inode.rawValue)))]
    switch shape {
    case .directory: facts.append(Fact(name: "kind", value: .string("directory")))
    case .poisoned: facts.append(Fact(name: "kind", value: .string("poisoned")))
    case .file: facts.append(Fact(name: "kind", value: .string("file")))
    }
    facts.append(Fact(name: "key", value: .string("\(key)")))
    if case .file(let version) = shape {
      facts += [
        Fact(name: "etag", value: version.tag.map { .string($0.text) } ?? .null),
        Fact(name: "size", value: .integer(version.size)),
        Fact(name: "modified", value: .integer(version.modified)),
        Fact(name: "class", value: .string("\(StorageClass(of: key, size: version.size))")),
        Fact(name: "cached_bytes", value: .integer(names.cachedBytes(of: inode))),
      ]
    }
    facts.append(Fact(name: "expires", value: expires(inode)))
    return facts
  }

  /// When the answer is to be asked for again, milliseconds since 1970; null for never, 0 for a version that was
  /// replaced.
  private func expires(_ inode: InodeNumber) -> JSONText {
    guard let entry = names.location(of: inode)?.entry else { return .integer(0) }
    let timeToLive = names.configuration.timeToLive
    if timeToLive >= .infinite || names.validity(of: entry) >= .infinite { return .null }
    return .integer((WallTime(milliseconds: entry.validated) + timeToLive).milliseconds)
  }

  // MARK: Extended attributes

  private static var prefix: String { "user.zarrfs." }
  private static var shown: [String] { ["etag", "key", "cached_bytes", "expires"] }

  package func extendedAttribute(_ name: [UInt8], of inode: InodeNumber) -> Result<[UInt8], Errno> {
    let found = attributeFacts(of: inode).first { Array((Self.prefix + $0.name).utf8) == name }
    guard let found else { return .failure(.noData) }
    return .success(Self.text(of: found.value))
  }

  package func extendedAttributeNames(of inode: InodeNumber) -> Result<[[UInt8]], Errno> {
    .success(attributeFacts(of: inode).map { Array((Self.prefix + $0.name).utf8) })
  }

  private func attributeFacts(of inode: InodeNumber) -> [Fact] {
    if inode.isControl || inode.isSnapshot { return [] }
    return (facts(of: inode) ?? []).filter { fact in
      if case .null = fact.value { return fact.name == "expires" }
      return Self.shown.contains(fact.name)
    }
  }

  private static func text(of value: JSONText) -> [UInt8] {
    switch value {
    case .string(let text): Array(text.utf8)
    case .integer(let number): Array(String(number).utf8)
    default: Array("never".utf8)
    }
  }
}
