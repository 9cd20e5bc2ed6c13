package import Objects
import Zarr

/// Finding out what a directory holds where names cannot be listed: which documents to ask for, what their bytes add, and
/// what may be shown in the end. Pure.
///
/// First the documents that may be here, and those of the directories above that name what is below them; then, of what
/// they name, each document of this directory and one of each child: nothing is shown that only a document speaks of.
/// It is no listing: what it does not show may exist.
package struct SurveyPlan: Sendable {
  package enum Reply: Equatable, Sendable {
    /// Its inode.
    case found(InodeNumber)
    case absent
    case failed(FetchFailure)
  }

  /// What the metadata in a directory at or above this one names.
  package struct Source: Sendable {
    package var group: ObjectKey
    package var tree: DocumentTree

    package init(group: ObjectKey, tree: DocumentTree) {
      self.group = group
      self.tree = tree
    }
  }

  package enum Step: Equatable, Sendable {
    case wait
    case ask([ObjectKey])
    /// Read these documents, and call `learned`.
    case read([ObjectKey])
    /// All is known that can be: show what the index knows of the directory, but for these children, which were named and
    /// are not there.
    case done(hidden: Set<EntryName>, isEmpty: Bool)
    case failed(FetchFailure)
  }

  private enum Role: Equatable {
    /// Of a directory above.
    case hint
    /// May be there.
    case probe
    /// Named by metadata.
    case named
    /// Proves a child.
    case proof(EntryName)
  }

  private static let consolidated: [MetadataDocument] = [.consolidatedV2, .nodeV3]

  private let directory: ObjectKey
  /// Nothing can be asked, and only what is near answers: what was never asked for is not shown.
  private let isOffline: Bool
  private var roles: [ObjectKey: Role] = [:]
  private var replies: [ObjectKey: Reply] = [:]
  private var children: Set<EntryName> = []
  private var hasNames = false

  package init(_ directory: ObjectKey, isOffline: Bool = false) {
    self.directory = directory
    self.isOffline = isOffline
  }

  /// `known`: of the directories above, from what was read before. What it names need not be guessed.
  package mutating func begin(known: [Source]) -> [ObjectKey] {
    var above = directory
    while !above.bytes.isEmpty {
      above = above.directory
      for document in Self.consolidated { roles[above.appending(document.name)] = .hint }
    }
    if contents(known.filter { $0.group != directory }) == nil { probe() }
    return unanswered
  }

  /// Whether `read` may ask for the document.
  package func mayRead(_ key: ObjectKey) -> Bool { roles[key] == .hint || roles[key] == .probe }

  package mutating func answer(_ key: ObjectKey, _ reply: Reply) -> Step {
    replies[key] = reply
    if case .failed(let failure) = reply, !isTolerable(failure, roles[key]) { return .failed(failure) }
    return replies.count == roles.count ? conclude() : .wait
  }

  /// What the documents that `read` asked for name.
  package mutating func learned(_ sources: [Source]) -> Step {
    hasNames = true
    if let contents = contents(sources) {
      for name in contents.documents where roles[directory.appending(name)] == nil {
        roles[directory.appending(name)] = .named
      }
      for child in contents.children {
        children.insert(child.name)
        let key = directory.appending(child.name, asDirectory: true)
        for document in child.documents { roles[ObjectKey(bytes: key.bytes + document.bytes)] = .proof(child.name) }
      }
    } else if roles.allSatisfy({ $0.value == .hint }) {
      // What was known of it is so no more.
      hasNames = false
      probe()
    }
    let asked = unanswered
    return asked.isEmpty ? conclude() : .ask(asked)
  }

  private mutating func probe() {
    for document in MetadataDocument.allCases { roles[directory.appending(document.name)] = .probe }
  }

  private var unanswered: [ObjectKey] {
    roles.keys.filter { replies[$0] == nil }.sorted { $0.bytes.lexicographicallyPrecedes($1.bytes) }
  }

  private func contents(_ sources: [Source]) -> DocumentTree.Contents? {
    var documents: Set<EntryName> = []
    var children: [EntryName: DocumentTree.Child] = [:]
    for source in sources where directory.bytes.starts(with: source.group.bytes) {
      guard let found = source.tree.contents(of: Array(directory.bytes.dropFirst(source.group.bytes.count))) else {
        continue
      }
      documents.formUnion(found.documents)
      for child in found.children { children[child.name, default: child].documents += child.documents }
    }
    guard !documents.isEmpty || !children.isEmpty else { return nil }
    return DocumentTree.Contents(documents: Array(documents), children: Array(children.values))
  }

  /// Names that are known to exist must not be missing; what is only guessed may be forbidden.
  private func isTolerable(_ failure: FetchFailure, _ role: Role?) -> Bool {
    let isRefusal = if case .forbidden = failure { true } else { false }
    switch role {
    case .hint, .probe, .proof, nil: return isRefusal || isOffline
    case .named: return false
    }
  }

  private func conclude() -> Step {
    if !hasNames {
      let read = roles.keys.filter { key in
        guard case .found = replies[key] else { return false }
        // An array's own document tells that what lies below are chunks.
        return Self.consolidated.contains { key.bytes.ends(with: $0.name.bytes) }
          || key == directory.appending(MetadataDocument.arrayV2.name)
      }
      return .read(read.sorted { $0.bytes.lexicographicallyPrecedes($1.bytes) })
    }
    var isEmpty = true
    var refusal: FetchFailure?
    var shown: Set<EntryName> = []
    for (key, role) in roles {
      guard let reply = replies[key] else { continue }
      switch (role, reply) {
      case (.probe, .found), (.named, .found): isEmpty = false
      case (.probe, .failed(let failure)): refusal = failure
      // A child that may not be looked into is there all the same; so it is where nobody can be asked.
      case (.proof(let child), .found), (.proof(let child), .failed): shown.insert(child)
      default: break
      }
    }
    isEmpty = isEmpty && shown.isEmpty
    if isEmpty, !isOffline, let refusal { return .failed(refusal) }
    return .done(hidden: children.subtracting(shown), isEmpty: isEmpty)
  }
}

extension [UInt8] {
  fileprivate func ends(with other: [UInt8]) -> Bool {
    count >= other.count && self[(count - other.count)...] == other[...]
  }
}
