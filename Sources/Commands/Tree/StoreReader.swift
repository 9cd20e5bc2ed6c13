import ObjectStorage
import Objects
import Platform
import Zarr

/// A hierarchy at a remote.
final class StoreReader: NodeReader {
  private let store: any ObjectStore

  init(_ store: any ObjectStore) { self.store = store }

  func document(_ document: MetadataDocument, of directory: ObjectKey) -> DocumentAnswer {
    let body = Body()
    store.get(GetRequest(key: directory.appending(document.name), range: .whole), to: body)
    let (bytes, failure) = body.wait()
    switch failure?.kind {
    case nil: return .found(bytes)
    case .notFound: return .absent
    default: return .failed(failure?.message ?? "")
    }
  }

  func directories(in directory: ObjectKey) -> DirectoriesAnswer {
    guard store.canList else { return .unlisted }
    var names: Set<EntryName> = []
    var request = ListRequest(prefix: directory)
    repeat {
      let answer = Monitor<Result<ListPage, StoreError>?>(nil)
      store.list(request) { result in answer.withLockNotifying { $0 = result } }
      switch answer.wait({ $0 }) {
      case .failure(let error) where error.refusesListing: return .unlisted
      case .failure(let error): return .failed(error.message)
      case .success(let page):
        for prefix in page.prefixes {
          let name = EntryName(bytes: Array(prefix.bytes.dropFirst(directory.bytes.count).dropLast()))
          if name.isPresentable { names.insert(name) }
        }
        request.continuation = page.continuation
      }
    } while request.continuation != nil
    return .found(names.sorted())
  }

  /// What comes of one GET.
  private final class Body: GetReceiver {
    private struct State {
      var bytes: [UInt8] = []
      var end: StoreError??
    }
    private let state = Monitor(State())

    func begin(_ head: GetHead) {}

    func append(_ bytes: UnsafeRawBufferPointer) {
      // One beyond the limit is for the parser to refuse.
      state.withLock { if $0.bytes.count <= JSONParser.Limits().size { $0.bytes += bytes } }
    }

    func end(_ failure: StoreError?) { state.withLockNotifying { $0.end = .some(failure) } }

    func wait() -> ([UInt8], StoreError?) {
      state.wait { state in state.end.map { (state.bytes, $0) } }
    }
  }
}
