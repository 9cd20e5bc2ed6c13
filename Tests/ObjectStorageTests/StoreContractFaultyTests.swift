import ObjectStorage
import Objects
import TestSupport
import Testing

/// The wrapper that other suites break stores with.
@Suite("FaultyStore") struct StoreContractFaultyTests {
  @Test("The requests that the script picks fail, whole or in the body; the others pass")
  func script() throws {
    let directory = TemporaryDirectory()
    directory.write("12345", to: "a")
    let error = InMemoryStore.unavailable
    let store = FaultyStore(try DirectoryStore(path: directory.path)) { number in
      switch number {
      case 1, 4: .failure(error)
      case 2: .broken(after: 3, error)
      case 3: .broken(after: 5, error)
      default: nil
      }
    }
    #expect(store.getAndWait("a").failure?.kind == .unavailable)
    let broken = store.getAndWait("a")
    #expect(broken.bytes == Array("123".utf8) && broken.failure?.kind == .unavailable && broken.ends == 1)
    let late = store.getAndWait("a")
    #expect(late.bytes == Array("12345".utf8) && late.failure?.kind == .unavailable && late.ends == 1)
    #expect(throws: StoreError.self) { try store.headAndWait("a").get() }
    #expect(store.getAndWait("a").isComplete)
    #expect(try store.listAndWait(ListRequest(prefix: "")).get().objects.count == 1)
    #expect(store.count == 6)
  }
}
