import Fetch
import FileSystem
import ObjectStorage
import Objects
import Platform
import TestSupport
import Testing

/// `--dedup`: two keys of the same bytes, known by their MD5 tags, are fetched once.
@Suite struct DedupTests {
  private static let bytes = [UInt8](repeating: 7, count: 200_000)
  private static let others = [UInt8](repeating: 8, count: 200_000)

  private func number(_ name: String, in world: World) -> Int64? {
    world.names.cacheNumbers.first { $0.name == name }?.value
  }

  @Test func twoKeysOneGet() throws {
    let tag = md5(Self.bytes)
    let world = World { store in
      store.put("today/lat", Self.bytes, tag: tag)
      store.put("yesterday/lat", Self.bytes, tag: tag)
    }
    let first = try #require(world.walk("yesterday/lat")?.inode)
    #expect(world.read(first, 0..<200_000) == .success(Self.bytes))
    world.settle()
    let second = try #require(world.walk("today/lat")?.inode)
    #expect(first != second)
    #expect(world.read(second, 0..<200_000) == .success(Self.bytes))
    #expect(world.store.count(.get) == 1)
    #expect(number("deduplicated", in: world) == 1)
    #expect(number("deduplicated_bytes", in: world) == 200_000)
    #expect(number("bodies", in: world) == 2)
    // Evicting one leaves the other.
    _ = world.names.evict(first, isDirectory: false)
    #expect(world.read(second, 0..<200_000) == .success(Self.bytes))
    #expect(world.store.count(.get) == 1)
    world.remount()
    #expect(world.read(second, 0..<200_000) == .success(Self.bytes))
    #expect(world.store.count(.get) == 1)
  }

  @Test func aFalseTagIsNotBelieved() throws {
    let tag = String(repeating: "0a", count: 16)
    let world = World { store in
      store.put("a", Self.bytes, tag: tag)
      store.put("b", Self.others, tag: tag)
    }
    let first = try #require(world.lookup("a").inode)
    #expect(world.read(first, 0..<200_000) == .success(Self.bytes))
    world.settle()
    let second = try #require(world.lookup("b").inode)
    #expect(world.read(second, 0..<200_000) == .success(Self.others))
    #expect(world.store.count(.get) == 2)
    #expect(number("deduplicated", in: world) == 0)
  }

  @Test func aReplacedObjectIsItsNewBytes() throws {
    let tag = md5(Self.bytes)
    let world = World { store in
      store.put("a", Self.bytes, tag: tag)
      store.put("b", Self.bytes, tag: tag)
    }
    for name in ["a", "b"] {
      let inode = try #require(world.lookup(EntryName(name)).inode)
      #expect(world.read(inode, 0..<200_000) == .success(Self.bytes))
      world.settle()
    }
    #expect(world.store.count(.get) == 1)
    world.store.put("a", Self.others, tag: md5(Self.others))
    world.time.advance(by: .seconds(61))
    let new = try #require(world.lookup("a").inode)
    #expect(world.read(new, 0..<200_000) == .success(Self.others))
    let other = try #require(world.lookup("b").inode)
    #expect(world.read(other, 0..<200_000) == .success(Self.bytes))
    #expect(world.store.count(.get) == 2)
  }
}
