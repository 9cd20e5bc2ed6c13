import Glibc
import Objects
import Platform
import TestSupport
import Testing

@testable import ObjectStorage

/// What only a directory has: links, special files, changes under the reader.
@Suite("DirectoryStore") struct DirectoryStoreTests {
  let directory = TemporaryDirectory()

  func store() throws -> DirectoryStore { try DirectoryStore(path: directory.path) }

  func keys(_ store: DirectoryStore, _ prefix: String = "", delimited: Bool) throws -> [String] {
    let page = try store.listAndWait(ListRequest(prefix: ObjectKey(prefix), delimited: delimited)).get()
    return page.objects.map(\.key.description) + page.prefixes.map(\.description)
  }

  @Test("A request that is over holds its receiver no more, however long it is held itself")
  func receivers() throws {
    directory.write("bytes", to: "file")
    let store = try store()
    var receiver: CollectingReceiver? = CollectingReceiver()
    weak let held = receiver
    let transfer = store.get(GetRequest(key: "file", range: .whole), to: receiver!)
    #expect(receiver?.wait().failure == nil)
    receiver = nil
    // The store's thread may still be on its way out of the receiver.
    poll("the end of the receiver") { held == nil }
    #expect(held == nil)
    withExtendedLifetime(transfer) {}
  }

  @Test("A link that leads out is listed and refused; one that stays inside is followed")
  func links() throws {
    let outside = TemporaryDirectory()
    outside.write("secret", to: "secret")
    directory.write("inside", to: "d/file")
    #expect(symlink(outside.path("secret"), directory.path("out")) == 0)
    #expect(symlink(outside.path, directory.path("outdir")) == 0)
    #expect(symlink("../../../../../../etc/passwd", directory.path("d/up")) == 0)
    #expect(symlink("d/file", directory.path("in")) == 0)
    #expect(symlink("d", directory.path("indir")) == 0)
    #expect(symlink("nothing", directory.path("dangling")) == 0)
    let store = try store()
    for key in ["out", "outdir/secret", "d/up"] as [ObjectKey] {
      let contents = store.getAndWait(key)
      #expect(contents.failure?.kind == .forbidden)
      #expect(contents.bytes.isEmpty)
      #expect(throws: StoreError.self) { try store.headAndWait(key).get() }
    }
    #expect(store.getAndWait("in").bytes == Array("inside".utf8))
    #expect(store.getAndWait("indir/file").bytes == Array("inside".utf8))
    #expect(store.getAndWait("dangling").failure?.kind == .notFound)
    #expect(try keys(store, delimited: true) == ["in", "out", "outdir", "d/", "indir/"])
    #expect(
      try keys(store, delimited: false) == ["d/file", "d/up", "in", "indir/file", "indir/up", "out", "outdir"])
    #expect(try store.headAndWait("in").get() == store.headAndWait("d/file").get())
  }

  @Test("A link back to a directory above does not make a listing endless")
  func loop() throws {
    directory.write("x", to: "a/b/file")
    #expect(symlink("..", directory.path("a/b/back")) == 0)
    #expect(symlink("self", directory.path("self")) == 0)
    #expect(try keys(store(), delimited: false) == ["a/b/file", "self"])
  }

  @Test("A FIFO is neither listed nor waited for")
  func special() throws {
    #expect(mkfifo(directory.path("fifo"), 0o600) == 0)
    directory.write("x", to: "file")
    let store = try store()
    #expect(store.getAndWait("fifo").failure?.kind == .notFound)
    #expect(try keys(store, delimited: true) == ["file"])
  }

  @Test("An empty directory is an empty object with a slash; one with names is none")
  func markers() throws {
    #expect(mkdir(directory.path("empty"), 0o700) == 0)
    directory.write("x", to: "full/file")
    let store = try store()
    #expect(try keys(store, delimited: true) == ["empty/", "full/"])
    #expect(try keys(store, "empty/", delimited: true) == ["empty/"])
    #expect(try keys(store, delimited: false) == ["empty/", "full/file"])
    #expect(try store.headAndWait("empty/").get().size == 0)
    #expect(store.getAndWait("empty/").isComplete)
    #expect(store.getAndWait("full/").failure?.kind == .notFound)
    #expect(store.getAndWait("empty").failure?.kind == .notFound)
  }

  /// Changes the file when its head comes, on the store's own thread.
  final class Saboteur: GetReceiver {
    let inner = CollectingReceiver()
    let act: @Sendable () -> Void
    init(_ act: @escaping @Sendable () -> Void) { self.act = act }
    func begin(_ head: GetHead) {
      inner.begin(head)
      act()
    }
    func append(_ bytes: UnsafeRawBufferPointer) { inner.append(bytes) }
    func end(_ failure: StoreError?) { inner.end(failure) }
  }

  @Test(
    "A file that changes while it is read ends as changed, without a byte of the new", arguments: ["over", "shorter"])
  func changes(how: String) throws {
    let path = directory.path("file")
    directory.write([UInt8](repeating: 1, count: 1000), to: "file")
    let times = [timespec(tv_sec: 1_000_000, tv_nsec: 0), timespec(tv_sec: 1_000_000, tv_nsec: 0)]
    #expect(utimensat(AT_FDCWD, path, times, 0) == 0)
    let directory = self.directory
    let receiver = Saboteur { directory.write([UInt8](repeating: 2, count: how == "over" ? 1000 : 10), to: "file") }
    let store = try store()
    store.get(GetRequest(key: "file", range: .whole), to: receiver)
    let contents = withExtendedLifetime(store) { receiver.inner.wait() }
    #expect(contents.failure?.kind == .changed)
    #expect(contents.bytes.isEmpty)
    #expect(contents.heads.first?.version.modified == 1_000_000_000)
  }

  @Test("A file renamed over while it is read goes on with the old bytes")
  func renamed() throws {
    directory.write([UInt8](repeating: 1, count: 1000), to: "file")
    directory.write([UInt8](repeating: 2, count: 1000), to: "new")
    let directory = self.directory
    let receiver = Saboteur { rename(directory.path("new"), directory.path("file")) }
    let store = try store()
    store.get(GetRequest(key: "file", range: .whole), to: receiver)
    let contents = receiver.inner.wait()
    #expect(contents.isComplete)
    #expect(contents.bytes.allSatisfy { $0 == 1 })
    #expect(store.getAndWait("file", expected: contents.head?.version).failure?.kind == .changed)
  }

  @Test("A cancelled GET ends as cancelled between two pieces")
  func cancels() throws {
    directory.write([UInt8](repeating: 1, count: 3 << 20), to: "file")
    let slot = AnswerSlot<any Transfer>()
    let receiver = Saboteur { slot.wait().cancel() }
    let store = try store()
    slot.set(store.get(GetRequest(key: "file", range: .whole), to: receiver))
    let contents = withExtendedLifetime(store) { receiver.inner.wait() }
    #expect(contents.failure?.kind == .cancelled)
    #expect(contents.bytes.isEmpty)
  }

  @Test("A directory that was removed is unavailable, and does not look empty")
  func removed() throws {
    let store = try store()
    rmdir(directory.path)
    #expect(store.getAndWait("file").failure?.kind == .unavailable)
    guard case .failure(let error) = store.listAndWait(ListRequest(prefix: "")) else {
      Issue.record("an empty listing")
      return
    }
    #expect(error.kind == .unavailable)
    mkdir(directory.path, 0o700)
  }

  @Test("A path that is no directory is refused with the reason")
  func refused() throws {
    directory.write("x", to: "file")
    for path in [directory.path("none"), directory.path("file")] {
      do throws(StoreError) {
        _ = try DirectoryStore(path: path)
        Issue.record("opened \(path)")
      } catch {
        #expect(error.kind == .misconfigured)
        #expect(error.message.contains(path))
      }
    }
  }

  @Test("A directory of many names is listed completely, page by page, from one reading")
  func many() throws {
    for number in 0..<250 { directory.write("", to: "d/\(number)") }
    let store = try store()
    var listed: [ObjectKey] = []
    var request = ListRequest(prefix: "d/", limit: 100)
    var pages = 0
    repeat {
      let page = try store.listAndWait(request).get()
      listed += page.objects.map(\.key)
      request.continuation = page.continuation
      pages += 1
      // A name that appears between the pages, behind them: the reading of the first page stands.
      if pages == 1 { directory.write("", to: "d/99999") }
    } while request.continuation != nil
    #expect(pages == 3)
    let isWhole =
      listed == (0..<250).map { ObjectKey("d/\($0)") }.sorted { $0.bytes.lexicographicallyPrecedes($1.bytes) }
    #expect(isWhole)
  }

  @Test("A token that no listing gave is rejected", arguments: ["", "x", "1", "1.0", "1.zz", "-1.00", "1.00.00"])
  func tokens(text: String) throws {
    guard case .failure(let error) = try store().listAndWait(ListRequest(prefix: "", continuation: text)) else {
      Issue.record("accepted \(text)")
      return
    }
    #expect(error.kind == .rejected)
  }

  @Test("A token survives as text")
  func tokenText() throws {
    let token = DirectoryStoreToken(listing: 7, last: [0, 1, 0x7f, 0xff])
    #expect(token.text == "7.00017fff")
    #expect(try DirectoryStoreToken(token.text)?.last == token.last)
  }

  @Test("Demand goes first, and prefetches leave a thread to it")
  func queue() {
    var queue = DirectoryStoreQueue<String>(threads: 3)
    for (id, name) in ["p1", "p2", "p3", "p4"].enumerated() { queue.add(name, id: UInt64(id), priority: .prefetch) }
    queue.add("d1", id: 10, priority: .demand)
    #expect(queue.next()?.job == "d1")
    #expect(queue.next()?.job == "p1")
    #expect(queue.next()?.job == "p2")
    #expect(queue.next() == nil)
    queue.promote(3)
    #expect(queue.next()?.job == "p4")
    #expect(queue.next() == nil)
    queue.finished(0)
    #expect(queue.next()?.job == "p3")
    queue.add("p5", id: 11, priority: .prefetch)
    queue.add("d2", id: 12, priority: .demand)
    queue.hasten(11)
    #expect(queue.next()?.job == "p5")
    #expect(queue.removeAll() == ["d2"])
  }
}
