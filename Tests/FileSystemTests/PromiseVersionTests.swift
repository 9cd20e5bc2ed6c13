import Fetch
import FileSystem
import ObjectStorage
import Objects
import Platform
import TestSupport
import Testing

/// The promises of `docs/semantics.md` of one version, and of its bytes: 1, 5, 7 and 10.
@Suite struct Promise1OneVersion {
  @Test func aReadThatMeetsAnotherVersionFailsWhole() throws {
    let world = World { $0.put("a", [UInt8](repeating: 1, count: 300_000)) }
    let inode = try #require(world.lookup("a").inode)
    world.store.hold(.get)
    let (slot, _) = world.beginRead(inode, 0..<300_000)
    world.store.waitForRequests(1, .get)
    world.store.put("a", [UInt8](repeating: 2, count: 300_000))
    world.store.release()
    #expect(slot.wait() == .failure(.stale))
  }

  @Test func aBodyThatBeganGoesOnAsItWas() throws {
    let old = [UInt8](repeating: 1, count: 300_000)
    let world = World { $0.put("a", old) }
    let inode = try #require(world.lookup("a").inode)
    world.store.holdBody(after: 1000)
    let (slot, _) = world.beginRead(inode, 0..<300_000)
    world.store.waitForHeldBodies(1)
    world.store.put("a", [UInt8](repeating: 2, count: 300_000))
    world.store.releaseBodies()
    let isOld = try slot.wait().get() == old
    #expect(isOld)
  }

  @Test func aReadIsShortAtTheEndOnly() throws {
    let world = World { $0.put("a", Array(0..<100)) }
    let inode = try #require(world.lookup("a").inode)
    #expect(world.read(inode, 90..<4096) == .success(Array(90..<100)))
    #expect(world.read(inode, 100..<4096) == .success([]))
    #expect(world.read(inode, 5000..<9000) == .success([]))
  }
}

@Suite struct Promise5AChangedObjectIsANewFile {
  @Test func newInodeAndOldBytesWhileCached() throws {
    let world = World { $0.put("a", "old") }
    let old = try #require(world.lookup("a").inode)
    #expect(world.text(old) == "old")
    world.store.put("a", "newer")
    #expect(world.lookup("a").inode == old)
    world.time.advance(by: .seconds(61))
    let new = try #require(world.lookup("a").inode)
    #expect(new != old)
    #expect(world.text(new) == "newer")
    #expect(world.text(old) == "old")
  }

  @Test func oldBytesThatAreNotCachedAreStale() throws {
    let world = World { $0.put("a", "old") }
    let old = try #require(world.lookup("a").inode)
    world.store.put("a", "newer")
    #expect(world.read(old) == .failure(.stale))
    // The remote denied the old version: the next lookup asks, though the answer was young.
    let new = try #require(world.lookup("a").inode)
    #expect(new != old)
    #expect(world.text(new) == "newer")
  }

  /// The kernel believes a name for long. Told of the failure, it asks for the file's attributes at the next open; these are
  /// ESTALE, and it looks the name up.
  @Test func theKernelIsToldOfBytesThatAreGone() throws {
    let world = World { $0.put("a", "old") }
    let told = Monitor<[InodeNumber]>([])
    world.fileSystem.onReplaced { inode in told.withLock { $0.append(inode) } }
    let old = try #require(world.lookup("a").inode)
    #expect(try world.attributes(old).get().size == 3)
    world.store.put("a", "newer")
    #expect(world.read(old) == .failure(.stale))
    #expect(told.withLock { $0 } == [old])
    #expect(world.attributes(old).error == .stale)
    let new = try #require(world.lookup("a").inode)
    #expect(new != old)
    #expect(try world.attributes(new).get().size == 5)
    // For who has it open still, it is a file.
    #expect(try world.attributes(old).get().size == 3)
    #expect(told.withLock { $0 } == [old])
  }

  /// A fault that looks like another version, and passes.
  @Test func aVersionThatComesBackIsTheSameFile() throws {
    let world = World { $0.put("a", Array("old".utf8), modified: 1, tag: "1") }
    let inode = try #require(world.lookup("a").inode)
    world.store.put("a", "newer")
    #expect(world.read(inode) == .failure(.stale))
    world.store.put("a", Array("old".utf8), modified: 1, tag: "1")
    #expect(world.lookup("a").inode == inode)
    #expect(try world.attributes(inode).get().size == 3)
    world.time.advance(by: .seconds(2))
    #expect(world.text(inode) == "old")
  }

  @Test func aListingShowsTheNewVersion() throws {
    let world = World { $0.put("a", "old") }
    let old = try #require(world.lookup("a").inode)
    world.time.advance(by: .seconds(61))
    world.store.put("a", "newer")
    let entry = try #require(try world.entries().get().first)
    #expect(entry.attributes.inode != old)
    #expect(entry.attributes.size == 5)
    #expect(world.lookup("a").inode == entry.attributes.inode)
  }
}

@Suite struct Promise7Survives {
  @Test func inodesAndBytesOutliveTheMount() throws {
    let world = World { store in
      store.put("d/a", "1")
      store.put("d/b", "22")
    }
    let directory = try #require(world.walk("d"))
    let file = try #require(world.walk("d/a"))
    #expect(world.text(file.inode) == "1")
    #expect(world.list(directory.inode) == ["a", "b"])
    world.remount()
    world.store.setOutage(.failing(InMemoryStore.unavailable))
    #expect(world.walk("d") == directory)
    #expect(world.walk("d/a") == file)
    #expect(world.text(file.inode) == "1")
    #expect(world.list(directory.inode) == ["a", "b"])
  }
}

@Suite struct Promise10FetchedOnce {
  @Test func oneQuestionForAllWhoLookUp() {
    let world = World { $0.put("a", "1") }
    world.store.hold()
    let slots = (0..<64).map { _ in world.begin("a").0 }
    world.store.release()
    let inodes = Set(slots.map { $0.wait().inode })
    #expect(inodes.count == 1)
    #expect(world.store.requestCount == 2)
  }

  @Test func oneGetForAllWhoRead() throws {
    let world = World { $0.put("a", "bytes") }
    let inode = try #require(world.lookup("a").inode)
    world.store.hold(.get)
    let slots = (0..<64).map { _ in world.beginRead(inode, 0..<5).0 }
    world.store.release()
    for slot in slots { #expect(slot.wait() == .success(Array("bytes".utf8))) }
    #expect(world.store.count(.get) == 1)
  }
}
