import Cache
import ObjectStorage
import Objects
import Platform

/// Does what the hierarchy advises: finds the directories of the keys, and has them fetched or listed. Nobody waits.
final class AheadFetcher: Sendable {
  /// Pages of an array's listing: a grid that is worth it has five (`ArrayNode`), and some names beside.
  private static let arrayPages = 8

  private let store: any ObjectStore
  private let index: CacheIndex
  private let resolver: Resolver
  private let lister: Lister
  private let oracle: any NameOracle
  private let paths: DirectoryPaths

  init(
    store: any ObjectStore, index: CacheIndex, resolver: Resolver, lister: Lister, oracle: any NameOracle,
    paths: DirectoryPaths
  ) {
    self.store = store
    self.index = index
    self.resolver = resolver
    self.lister = lister
    self.oracle = oracle
    self.paths = paths
  }

  /// `origin` is a directory that is known; what is advised lies below it or below one above it.
  func fetch(_ ahead: [Ahead], from origin: DirectoryReference) {
    var known = [origin.key: origin.inode]
    for item in ahead {
      switch item {
      case .object(let base, let path, let storageClass):
        let key = ObjectKey(bytes: base.bytes + path.bytes)
        guard let directory = paths.directory(key.directory, above: base, origin, &known) else {
          oracle.noteFailed(key)
          continue
        }
        let name = EntryName(bytes: Array(key.bytes[directory.key.bytes.count...]))
        resolver.fetchAhead(name, in: directory, storageClass)
      case .inner(let base, let path, let inner):
        let key = ObjectKey(bytes: base.bytes + path.bytes)
        guard let directory = paths.directory(key.directory, above: base, origin, &known) else {
          oracle.note(.failed, of: key, inner: inner.numbers)
          continue
        }
        let name = EntryName(bytes: Array(key.bytes[directory.key.bytes.count...]))
        resolver.fetchAhead(name, in: directory, .prefetched, inner)
      case .listDirectory(let key):
        if let directory = paths.climb(to: key, from: origin, &known) {
          lister.take(directory) { [self] in listDots(key) }
        }
      case .listDots(let key):
        if resolver.lists { listDots(key) }
      case .listArray(let key):
        if resolver.lists, let array = paths.climb(to: key, from: origin, &known) {
          listPage(array, nil, [], began: resolver.time.now(), pages: 0)
        } else {
          oracle.noteListed(key, nil, at: resolver.time.now())
        }
      }
    }
  }

  /// The names beginning with a dot, of a directory of many others.
  private func listDots(_ directory: ObjectKey) {
    let asked = resolver.time.now()
    let request = ListRequest(prefix: ObjectKey(bytes: directory.bytes + [UInt8(ascii: ".")]), priority: .prefetch)
    store.list(request) { [self] result in
      resolver.noteListing(result)
      guard case .success(let page) = result, page.continuation == nil else { return }
      let paths = page.objects.map { $0.key.bytes[...] } + page.prefixes.map { $0.bytes.dropLast() }
      let names = paths.map { EntryName(bytes: Array($0.dropFirst(directory.bytes.count))) }
      oracle.noteDots(directory, Set(names), at: asked)
    }
  }

  // MARK: The listing of an array

  /// `keys`: of the pages before.
  private func listPage(
    _ array: DirectoryReference, _ token: String?, _ keys: [ObjectKey], began: WallTime, pages: Int
  ) {
    let asked = resolver.time.now()
    let request = ListRequest(prefix: array.key, delimited: false, continuation: token, priority: .prefetch)
    store.list(request) { [self] result in
      resolver.noteListing(result)
      guard case .success(let page) = result else { return oracle.noteListed(array.key, nil, at: began) }
      record(page, in: array, asked)
      let all = keys + page.objects.map(\.key)
      guard let next = page.continuation else { return oracle.noteListed(array.key, all, at: began) }
      guard next != token, pages + 1 < Self.arrayPages else { return oracle.noteListed(array.key, nil, at: began) }
      listPage(array, next, all, began: began, pages: pages + 1)
    }
  }

  /// The names of a page, each in its directory. A name that is also a directory stays one.
  private func record(_ page: ListPage, in array: DirectoryReference, _ asked: WallTime) {
    var known = [array.key: array.inode]
    var batches = [InodeNumber: [(EntryName, Entry.Kind)]]()
    for object in page.objects where object.key.bytes.count > array.key.bytes.count && !object.key.isDirectory {
      let path = object.key.bytes[array.key.bytes.count...]
      let isPresentable = path.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false)
        .allSatisfy { EntryName(bytes: Array($0)).isPresentable }
      guard isPresentable, let directory = paths.directory(object.key.directory, above: array.key, array, &known) else {
        continue
      }
      let name = EntryName(bytes: Array(object.key.bytes[directory.key.bytes.count...]))
      if known[ObjectKey(bytes: object.key.bytes + [UInt8(ascii: "/")])] != nil { continue }
      batches[directory.inode, default: []].append((name, .file(object.version)))
    }
    for (inode, batch) in batches { _ = index.record(batch, in: inode, at: asked) }
  }
}
