import Cache
import ObjectStorage
import Objects
import Platform
import Zarr

/// Carries out a `SurveyPlan`: documents are looked up as by any reader, so they are asked for once and remembered, and
/// read through the cache.
final class Surveyor: Sendable {
  private let resolver: Resolver
  private let fetcher: Fetcher
  private let oracle: any NameOracle
  private let paths: DirectoryPaths
  private let trees = Monitor(DocumentTrees())

  init(resolver: Resolver, fetcher: Fetcher, oracle: any NameOracle, paths: DirectoryPaths) {
    self.resolver = resolver
    self.fetcher = fetcher
    self.oracle = oracle
    self.paths = paths
  }

  struct Finding: Sendable {
    var hidden: Set<EntryName> = []
    var isEmpty = true
  }

  /// Answers once, perhaps on this stack.
  func survey(
    _ directory: DirectoryReference, _ answer: @escaping @Sendable (Result<Finding, FetchFailure>) -> Void
  ) {
    // No documents lie among chunks.
    if oracle.isInsideArray(directory.key) { return answer(.success(Finding(isEmpty: false))) }
    let survey = Survey(directory, isOffline: resolver.configuration.isOffline, answer)
    let known = sources(above: directory)
    let keys = survey.state.withLock { $0.plan.begin(known: known) }
    add(keys, to: survey)
  }

  /// What is known from the documents of the directories above, if they were read before.
  private func sources(above directory: DirectoryReference) -> [SurveyPlan.Source] {
    var known = [directory.key: directory.inode]
    var sources: [SurveyPlan.Source] = []
    var key = directory.key
    while !key.bytes.isEmpty {
      key = key.directory
      guard let place = paths.climb(to: key, from: directory, &known) else { break }
      for document in [MetadataDocument.consolidatedV2, .nodeV3] {
        guard let entry = resolver.index.entry(document.name, in: place.inode), entry.version != nil,
          let tree = trees.withLock({ $0[entry.inode] }), !tree.isEmpty
        else { continue }
        sources.append(SurveyPlan.Source(group: key, tree: tree))
      }
    }
    return sources
  }

  private static func name(of key: ObjectKey) -> EntryName {
    EntryName(bytes: Array(key.bytes[key.directory.bytes.count...]))
  }

  // MARK: Asking

  /// So many documents are looked up at once: as many as the remote takes requests.
  private static let window = 64

  private func add(_ keys: [ObjectKey], to survey: Survey) {
    if keys.isEmpty { return heed(survey.state.withLock { $0.plan.learned([]) }, survey) }
    survey.state.withLock { $0.waiting += keys.reversed() }
    pump(survey)
  }

  /// Answers may come on this stack; they only make room here, so that the stack stays flat.
  private func pump(_ survey: Survey) {
    guard survey.state.withLock({ $0.beginPumping() }) else { return }
    while let key = survey.state.withLock({ $0.next(Self.window) }) { lookUp(key, survey) }
  }

  private func lookUp(_ key: ObjectKey, _ survey: Survey) {
    let origin = survey.directory
    var known = [origin.key: origin.inode]
    let isBelow = key.directory.bytes.count > origin.key.bytes.count
    let place =
      isBelow
      ? paths.directory(key.directory, above: origin.key, origin, &known)
      : paths.climb(to: key.directory, from: origin, &known)
    guard let place else { return answered(key, .absent, nil, survey) }
    _ = resolver.resolve(Self.name(of: key), in: place) { [self] resolution in
      switch resolution {
      case .found(let entry, _):
        answered(key, entry.version == nil ? .absent : .found(entry.inode), entry, survey)
      case .absent: answered(key, .absent, nil, survey)
      case .unknown(let failure): answered(key, .failed(failure), nil, survey)
      }
    }
  }

  private func answered(_ key: ObjectKey, _ reply: SurveyPlan.Reply, _ entry: Entry?, _ survey: Survey) {
    let step = survey.state.withLock { state -> SurveyPlan.Step in
      state.underWay -= 1
      if state.isOver { return .wait }
      if let entry, entry.version != nil, state.plan.mayRead(key) { state.found[key] = entry }
      return state.plan.answer(key, reply)
    }
    heed(step, survey)
  }

  private func heed(_ step: SurveyPlan.Step, _ survey: Survey) {
    switch step {
    case .wait: pump(survey)
    case .ask(let keys): add(keys, to: survey)
    case .read(let keys): read(keys, survey)
    case .failed(let failure): survey.end(.failure(failure))
    case .done(let hidden, let isEmpty):
      for name in hidden { doubt(name, in: survey.directory) }
      survey.end(.success(Finding(hidden: hidden, isEmpty: isEmpty)))
    }
  }

  /// A child that was named and has no document: whoever asks for it is not told that it exists by construction.
  private func doubt(_ name: EntryName, in directory: DirectoryReference) {
    guard let entry = resolver.index.entry(name, in: directory.inode), entry.kind == .directory else { return }
    resolver.expire(name, in: directory.inode, entry.inode)
  }

  // MARK: Reading

  private func read(_ keys: [ObjectKey], _ survey: Survey) {
    let found = survey.state.withLock { state in
      state.reads = keys.count + 1
      state.sources = []
      return state.found
    }
    for key in keys {
      guard let entry = found[key] else {
        hasRead(key, .success(DocumentTree()), survey)
        continue
      }
      if let tree = trees.withLock({ $0[entry.inode] }) {
        hasRead(key, .success(tree), survey)
      } else {
        read(key, entry, survey)
      }
    }
    hasRead(nil, .success(DocumentTree()), survey)
  }

  private func read(_ key: ObjectKey, _ entry: Entry, _ survey: Survey) {
    // What is longer than any metadata is a file like any other.
    guard let version = entry.version, (1...Resolver.longestDocument).contains(Int(version.size)) else {
      return hasRead(key, .success(DocumentTree()), survey)
    }
    let object = ObjectReference(inode: entry.inode, key: key, version: version, class: .metadata)
    let scratch = UnsafeMutableRawBufferPointer.allocate(byteCount: Int(version.size), alignment: 16)
    defer { scratch.deallocate() }
    _ = fetcher.read(object, 0..<version.size, scratch: scratch) { [self] result in
      switch result {
      case .success(let bytes):
        // What it advises to fetch ahead is for who reads the document, not for who only looks.
        _ = oracle.noteDocument(key, bytes, validated: WallTime(milliseconds: entry.validated))
        let tree = Self.tree(key, Array(bytes))
        trees.withLock { $0.insert(tree, for: entry.inode) }
        hasRead(key, .success(tree), survey)
      case .failure(let failure):
        if failure == .changed || failure.isAbsence, let place = resolver.index.location(of: entry.inode) {
          resolver.expire(place.name, in: place.directory, entry.inode)
        }
        hasRead(key, .failure(failure), survey)
      }
    }
  }

  /// Of a document that makes no sense, nothing.
  private static func tree(_ key: ObjectKey, _ bytes: [UInt8]) -> DocumentTree {
    let consolidated: ConsolidatedMetadata?
    switch MetadataDocument(name: name(of: key)) {
    case .consolidatedV2: consolidated = try? ConsolidatedMetadata.parse(bytes)
    case .nodeV3: consolidated = (try? NodeMetadata.parse(.nodeV3, bytes: bytes))?.group?.consolidated
    default: consolidated = nil
    }
    return consolidated.map { DocumentTree($0) } ?? DocumentTree()
  }

  private func hasRead(_ key: ObjectKey?, _ result: Result<DocumentTree, FetchFailure>, _ survey: Survey) {
    switch result {
    case .failure(let failure): survey.end(.failure(failure))
    case .success(let tree):
      let step = survey.state.withLock { state -> SurveyPlan.Step in
        if let key, !tree.isEmpty { state.sources.append(SurveyPlan.Source(group: key.directory, tree: tree)) }
        state.reads -= 1
        return state.reads == 0 && !state.isOver ? state.plan.learned(state.sources) : .wait
      }
      heed(step, survey)
    }
  }
}

extension FetchFailure {
  fileprivate var isAbsence: Bool {
    if case .notFound = self { return true }
    return false
  }
}
