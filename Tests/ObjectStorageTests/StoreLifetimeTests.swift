import Glibc
import Objects
import Platform
import TestSupport
import Testing

@testable import ObjectStorage

/// A transfer and its receiver hold each other while under way. A daemon makes millions of them: none may stay.
@Suite struct StoreLifetimeTests {
  private static func retrying(_ store: any ObjectStore, _ world: World) -> any ObjectStore {
    RetryingStore(
      store, policy: RetryPolicy(), scheduler: world.loop, time: SystemTimeSource(), statistics: world.statistics,
      log: .silent)
  }

  private static func hedging(_ store: any ObjectStore, _ world: World) -> any ObjectStore {
    HedgingStore(store, scheduler: world.loop, time: SystemTimeSource(), statistics: world.statistics)
  }

  private static let stores: [(name: String, make: @Sendable (World, String) throws -> any ObjectStore)] = [
    ("http", { world, _ in world.http() }), ("s3", { world, _ in try world.s3() }),
    ("http, retried", { world, _ in retrying(world.http(), world) }),
    ("s3, hedged and retried", { world, _ in retrying(hedging(try world.s3(), world), world) }),
    ("directory, retried", { world, path in retrying(try DirectoryStore(path: path), world) }),
  ]

  @Test(arguments: stores.indices) func `nothing of a GET that has ended is held`(_ index: Int) throws {
    let content = sampleBytes(1000)
    let world = try World { $0.path.hasSuffix("absent") ? .init(404) : .object(content, for: $0) }
    defer { world.end() }
    let folder = TemporaryDirectory()
    folder.write(content, to: "k")
    let (name, make) = Self.stores[index]
    let store = try make(world, folder.path)
    for (key, outcome) in [(ObjectKey("k"), "ok"), ("absent", "notFound")] {
      weak var receiver: RecordingReceiver?
      do {
        let made = RecordingReceiver()
        receiver = made
        store.get(GetRequest(key: key, range: .bytes(0..<100)), to: made)
        #expect(made.wait().outcome == outcome)
      }
      // The store's thread lets go a moment after it told the end.
      let patience = SystemTimeSource().monotonic() + .seconds(30)
      while receiver != nil, SystemTimeSource().monotonic() < patience { usleep(1000) }
      #expect(receiver == nil, "\(name): \(key)")
    }
  }
}
