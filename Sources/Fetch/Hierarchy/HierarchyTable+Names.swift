package import Objects
package import Platform
import Zarr

/// What is known of a name without asking.
extension HierarchyTable {
  package mutating func judge(
    _ name: EntryName, in directory: ObjectKey, at now: WallTime, _ monotonic: MonotonicTime
  ) -> Advice {
    let configuration = configuration
    let freshness = Freshness(timeToLive: configuration.timeToLive, now: now)
    if let since = dotAbsence(name, in: directory, freshness) { return Advice(.absent(since: since)) }
    guard let (key, path) = array(above: directory) else { return judgePlain(name, in: directory, at: now) }
    var advice = judge(name, at: path, ofArray: key, freshness, monotonic)
    let isProbe = advice.judgement == .ask || advice.judgement == .askByGet(.metadata)
    if isProbe, path.isEmpty, arrays.use(key)?.isListable == false, beginsListing(of: directory, for: name, at: now) {
      advice.ahead.append(.listDots(directory))
    }
    return advice
  }

  private mutating func judge(
    _ name: EntryName, at path: [UInt8], ofArray key: ObjectKey, _ freshness: Freshness, _ monotonic: MonotonicTime
  ) -> Advice {
    let configuration = configuration
    return arrays.update(key) { node in
      node.presence.expire(freshness)
      let full = ObjectKey(bytes: path.isEmpty ? name.bytes : path + [UInt8(ascii: "/")] + name.bytes)
      switch node.layout.classify(prefix: path, name: name) {
      case .impossible: return Advice(.absent(since: freshness.now))
      case .chunkDirectory: return Advice(.directory)
      case .outsideGrid:
        let isFresh = freshness.remaining(validated: node.validated) != nil
        return Advice(isFresh ? .absent(since: node.validated) : .ask)
      case .metadata:
        if let since = node.presence.absence(beside: full) { return Advice(.absent(since: since)) }
        return Advice(.askByGet(.metadata), ahead: Self.listing(of: key, &node, configuration))
      case .sidecar, .child:
        if let since = node.presence.absence(beside: full) { return Advice(.absent(since: since)) }
        return Advice(.ask, ahead: Self.listing(of: key, &node, configuration))
      case .chunk(let coordinates):
        if let since = node.presence.absence(of: coordinates) {
          node.note(absent: coordinates)
          return Advice(.absent(since: since))
        }
        let ahead =
          Self.listing(of: key, &node, configuration)
          + Self.walk(coordinates, of: key, &node, configuration, at: monotonic)
          + Self.indexes(besides: coordinates, of: key, &node, configuration)
        return Advice(node.question, ahead: ahead)
      }
    } ?? Advice(.ask)
  }

  /// In a group, or where nothing is known: a document is asked for by GET, and the directory's names are taken once.
  private mutating func judgePlain(_ name: EntryName, in directory: ObjectKey, at now: WallTime) -> Advice {
    guard name.isPresentable else { return Advice(.absent(since: now)) }
    let question = MetadataDocument(name: name) != nil ? NameJudgement.askByGet(.metadata) : .ask
    // One page: it answers what the reader probes for next.
    return Advice(question, ahead: beginsListing(of: directory, for: name, at: now) ? [.listDirectory(directory)] : [])
  }

  /// A reader begins to probe a directory: its names are taken once in a time to live.
  private mutating func beginsListing(of directory: ObjectKey, for name: EntryName, at now: WallTime) -> Bool {
    guard configuration.canList, configuration.prefetchChunks > 0, name.isDotted || MetadataDocument(name: name) != nil
    else { return false }
    if let last = listed.use(directory), now - last < configuration.timeToLive { return false }
    listed.insert(now, for: directory)
    return true
  }

  // MARK: Names beginning with a dot

  /// Since when it is known that a directory has no such name.
  private mutating func dotAbsence(
    _ name: EntryName, in directory: ObjectKey, _ freshness: Freshness
  ) -> WallTime? {
    guard name.isDotted, let (names, asked) = dots.use(directory), freshness.remaining(validated: asked) != nil else {
      return nil
    }
    return names.contains(name) ? nil : asked
  }

  /// All names of a directory that begin with a dot, by a listing that began at `asked`.
  package mutating func dotted(_ directory: ObjectKey, _ names: Set<EntryName>, at asked: WallTime) {
    if names.count <= ArrayPresence.besides { dots.insert((names, asked), for: directory) }
  }

  // MARK: The listing of an array

  private static func listing(
    of key: ObjectKey, _ node: inout ArrayNode, _ configuration: Configuration
  ) -> [Ahead] {
    guard configuration.canList, configuration.prefetchChunks > 0, node.beginsListing() else { return [] }
    return [.listArray(key)]
  }

  /// All keys below an array, by a listing that began at `asked`; nil where it did not come to its end. At once, because
  /// the pages of two listings make no whole: an array that is described anew is listed anew.
  package mutating func listed(_ array: ObjectKey, _ keys: [ObjectKey]?, at asked: WallTime) {
    _ = arrays.update(array) { node in
      guard node.presence.state == .running else { return }
      for key in keys ?? [] where key.bytes.starts(with: array.bytes) {
        node.presence.insert(ObjectKey(bytes: Array(key.bytes[array.bytes.count...])))
      }
      node.presence.end(complete: keys != nil, at: asked)
    }
  }
}

extension EntryName {
  fileprivate var isDotted: Bool { bytes.first == UInt8(ascii: ".") }
}
