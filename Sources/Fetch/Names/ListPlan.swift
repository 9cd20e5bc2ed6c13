package import ObjectStorage
package import Objects

/// One directory's listing, page after page: what each page adds, and whether another follows. Pure.
package struct ListPlan: Sendable {
  package enum Step: Sendable {
    /// Add these; then ask with the token, or be done (nil).
    case add([(EntryName, Entry.Kind)], next: String?)
    /// The remote gave a token it had given before: it would never end.
    case fail(StoreError)
  }

  private let prefix: ObjectKey
  /// Objects whose directory of the same name may still come: `a` before `a-b` before `a/`. Keys come sorted, so these
  /// all begin the last key, and are few. Shown when the listing has passed them, so that no name is shown twice
  /// (a remote that does not sort, as S3's directory buckets, can still show such a name as both).
  private var held: [(name: EntryName, version: ObjectVersion)] = []
  private var seenToken: String?
  /// Brent's cycle finder: the token is compared with one kept from page 1, 2, 4, 8…
  private var pages = 0
  private var nextCheckpoint = 1
  /// Keys that no file system can show.
  package private(set) var hidden = 0

  package init(prefix: ObjectKey) { self.prefix = prefix }

  package mutating func page(_ page: ListPage) -> Step {
    pages += 1
    if let token = page.continuation {
      if token == seenToken || token.isEmpty {
        return .fail(StoreError(.garbled, "the listing of \(prefix) repeats its continuation token"))
      }
      if pages == nextCheckpoint {
        seenToken = token
        nextCheckpoint *= 2
      }
    }
    var entries: [(EntryName, Entry.Kind)] = []
    entries.reserveCapacity(page.objects.count + page.prefixes.count + held.count)
    var directories: Set<EntryName> = []
    for key in page.prefixes {
      guard let name = name(key.bytes.dropLast()) else { continue }
      if directories.insert(name).inserted { entries.append((name, .directory)) }
    }
    var last: ArraySlice<UInt8> = []
    if let key = page.prefixes.last { last = key.bytes[...] }
    if let key = page.objects.last?.key, last.lexicographicallyPrecedes(key.bytes) { last = key.bytes[...] }
    if page.objects.isEmpty, page.prefixes.isEmpty, page.continuation != nil {
      return .add([], next: page.continuation)
    }
    let position = page.continuation == nil ? nil : last.dropFirst(prefix.bytes.count)

    let arrived = page.objects.compactMap { object -> (name: EntryName, version: ObjectVersion)? in
      // The marker object of the directory itself.
      if object.key == prefix { return nil }
      return name(object.key.bytes[...]).map { ($0, object.version) }
    }
    let candidates = held + arrived
    held = []
    for object in candidates where !directories.contains(object.name) {
      if let position, position.starts(with: object.name.bytes), !Self.isPast(position, object.name) {
        held.append(object)
      } else {
        entries.append((object.name, .file(object.version)))
      }
    }
    return .add(entries, next: page.continuation)
  }

  /// Whether the position, which begins with the name, lies at or after `name/`.
  private static func isPast(_ position: ArraySlice<UInt8>, _ name: EntryName) -> Bool {
    guard position.count > name.bytes.count else { return false }
    return position[position.startIndex + name.bytes.count] >= UInt8(ascii: "/")
  }

  private mutating func name(_ key: ArraySlice<UInt8>) -> EntryName? {
    let name = EntryName(bytes: Array(key.dropFirst(prefix.bytes.count)))
    if name.isPresentable { return name }
    hidden += 1
    return nil
  }
}
