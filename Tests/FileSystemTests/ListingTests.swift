import Fetch
import FileSystem
import ObjectStorage
import Objects
import Platform
import TestSupport
import Testing

@Suite struct ListingTests {
  private func batch(_ world: World, _ handle: DirectoryHandle, _ offset: Int64) throws -> [DirectoryEntry] {
    try world.beginBatch(handle, after: offset, limit: 1000).wait("a batch").get()
  }

  @Test func twentyThousandKeysShowAfterTheFirstPage() throws {
    let world = World { store in
      for number in 0..<20_000 { store.put(ObjectKey("d/\(100_000 + number)"), "1") }
    }
    let directory = try #require(world.lookup("d").inode)
    world.store.resetCounts()
    world.store.hold(.list)
    let handle = try world.open(directory).get()
    #expect(try batch(world, handle, 0).map(\.isDot) == [true, true])
    let first = world.beginBatch(handle, after: 2, limit: 1000)
    #expect(first.value == nil)
    world.store.waitForRequests(1, .list)
    world.store.releaseOne()
    // Entries, while 19 pages are outstanding; the last name may still become a directory.
    let shown = try first.wait().get()
    #expect(shown.count == 999)
    let second = world.beginBatch(handle, after: try #require(shown.last).offset, limit: 1000)
    #expect(second.value == nil)
    world.store.release()
    var total = shown.count
    var entries = try second.wait().get()
    while let last = entries.last {
      total += entries.count
      entries = try batch(world, handle, last.offset)
    }
    #expect(total == 20_000)
    #expect(world.store.count(.list) == 20)
    world.fileSystem.releaseDirectory(handle)
    // All later lookups, present or absent, and listings are answered from it.
    world.store.resetCounts()
    #expect(world.lookup("119999", in: directory).attributes?.size == 1)
    #expect(world.lookup("200000", in: directory).isAbsent)
    #expect(world.list(directory, limit: 1000)?.count == 20_000)
    #expect(world.store.requestCount == 0)
  }

  @Test func oneChainForAllWhoList() throws {
    let world = World { store in for number in 0..<2500 { store.put(ObjectKey("k\(number)"), "1") } }
    world.store.hold(.list)
    let handles = try (0..<8).map { _ in try world.open().get() }
    world.store.release()
    for handle in handles {
      var offset: Int64 = 0
      var total = 0
      while let last = try batch(world, handle, offset).last {
        total += 1
        offset = last.offset
      }
      #expect(total >= 3)
      world.fileSystem.releaseDirectory(handle)
    }
    #expect(world.store.count(.list) == 3)
  }

  /// Whoever opens a directory at the moment when its listing ends finds that listing, and leaves its readers alone.
  @Test func aDirectoryThatManyReadIsListedOnce() throws {
    let directories = 400
    let world = World { store in
      for number in 0..<directories { store.put(ObjectKey("d\(1000 + number)/a"), "1") }
    }
    let inodes = try world.entries().get().map(\.attributes.inode)
    #expect(inodes.count == directories)
    world.store.resetCounts()
    let wrong = Monitor<[String]>([])
    let reading = try (0..<4).map { number in
      try Thread.start("reader-\(number)") { [fileSystem = world.fileSystem] in
        for inode in inodes {
          let names = Self.names(fileSystem, inode)
          if names != .success(["a"]) { wrong.withLock { $0.append("\(names)") } }
        }
      }
    }
    for reader in reading { reader.join() }
    #expect(wrong.withLock { $0 } == [])
    #expect(world.store.count(.list) == directories)
  }

  private static func names(_ fileSystem: ZarrFileSystem, _ inode: InodeNumber) -> Result<[EntryName], Errno> {
    let opened = AnswerSlot<Result<DirectoryHandle, Errno>>()
    _ = fileSystem.openDirectory(inode, opened.fill)
    return opened.wait("an opendir").flatMap { handle in
      defer { fileSystem.releaseDirectory(handle) }
      let read = AnswerSlot<Result<[DirectoryEntry], Errno>>()
      _ = fileSystem.readDirectory(handle, after: 2, limit: 10, read.fill)
      return read.wait("a batch").map { $0.map(\.name) }
    }
  }

  /// A directory of many chunks is not listed for a probe; its names that begin with a dot are.
  @Test func probesOfALongDirectoryCostOneListing() throws {
    let configuration = HierarchyTable.Configuration(
      timeToLive: .seconds(60), canList: true, prefetchChunks: 8, prefetchBytes: 1 << 20)
    let time = ManualTimeSource()
    let hierarchy = Hierarchy(configuration, time: time)
    let world = World(oracle: hierarchy, time: time) { store in
      store.put("air/.zarray", "no document")
      store.put("air/.hidden/x", "1")
      for number in 0..<2500 { store.put(ObjectKey("air/\(number)"), "1") }
    }
    let air = try #require(world.lookup("air").inode)
    #expect(world.lookup(".zattrs", in: air).isAbsent)
    let place = DirectoryReference(inode: air, key: "air/")
    poll("the dotted names") { hierarchy.judge(".zgroup", in: place).judgement != .askByGet(.metadata) }
    #expect(world.store.count(.list) <= 4)
    world.store.resetCounts()
    for name: EntryName in [".zgroup", ".zmetadata", ".aux.xml", ".hid"] {
      #expect(world.lookup(name, in: air).isAbsent)
    }
    #expect(world.store.requestCount == 0)
    #expect(world.lookup(".zarray", in: air).attributes?.size == 11)
    #expect(world.lookup(".hidden", in: air).attributes?.isDirectory == true)
  }

  @Test func anInterruptedWaitEnds() throws {
    let world = World { $0.put("a", "1") }
    world.store.hold(.list)
    let handle = try world.open().get()
    let slot = AnswerSlot<Result<[DirectoryEntry], Errno>>()
    let pending = world.fileSystem.readDirectory(handle, after: 2, limit: 10, slot.fill)
    pending?.interrupt()
    #expect(slot.wait().error == .interrupted)
    world.store.release()
    #expect(world.list() == ["a"])
    world.fileSystem.releaseDirectory(handle)
  }

  @Test func offsetsCanBeSoughtTo() throws {
    let world = World { store in for number in 0..<10 { store.put(ObjectKey("k\(number)"), "1") } }
    let all = try world.entries().get()
    let handle = try world.open().get()
    for (index, entry) in all.enumerated() {
      let rest = try batch(world, handle, entry.offset)
      #expect(rest.map(\.name) == all.dropFirst(index + 1).map(\.name))
    }
    #expect(try batch(world, handle, 1).map(\.name) == [".."])
    world.fileSystem.releaseDirectory(handle)
    #expect(world.beginBatch(handle, after: 0).wait().error == .badDescriptor)
  }

  @Test func theKernelMayKeepWhatItReadOfOneListing() throws {
    let world = World { $0.put("a", "1") }
    func open() throws -> Bool {
      let handle = try world.open().get()
      var offset: Int64 = 0
      while let last = try batch(world, handle, offset).last { offset = last.offset }
      world.fileSystem.releaseDirectory(handle)
      return handle.mayKeepCache
    }
    #expect(try [open(), open(), open()] == [false, true, true])
    world.time.advance(by: .seconds(61))
    #expect(try [open(), open()] == [false, true])
  }

  /// A reader of an old listing goes on with it while a new one comes, and is told when even that is gone.
  @Test func aListingIsNotReplacedUnderItsReader() throws {
    let world = World { store in for number in 0..<10 { store.put(ObjectKey("k\(number)"), "1") } }
    #expect(world.list()?.count == 10)
    let handle = try world.open().get()
    let first = try world.beginBatch(handle, after: 2, limit: 5).wait().get()
    let offset = try #require(first.last).offset
    world.time.advance(by: .seconds(61))
    #expect(world.list()?.count == 10)
    #expect(try batch(world, handle, offset).map { "\($0.name)" } == ["k5", "k6", "k7", "k8", "k9"])
    world.time.advance(by: .seconds(61))
    #expect(world.list()?.count == 10)
    #expect(world.beginBatch(handle, after: offset).wait().error == .inputOutput)
    world.fileSystem.releaseDirectory(handle)
  }

  /// The same for one that was opened while its listing was on its way.
  @Test func aReaderOfAStreamedListingIsTold() throws {
    let world = World { store in for number in 0..<10 { store.put(ObjectKey("k\(number)"), "1") } }
    let handle = try world.open().get()
    let offset = try #require(try world.beginBatch(handle, after: 2, limit: 5).wait().get().last).offset
    #expect(world.list()?.count == 10)
    // Others are shown all names a moment before the listing is over: it would be joined, and none begun.
    poll("the end of the listing") { world.names.counters[.listingsCompleted] == 1 }
    for isWhole in [true, false] {
      world.time.advance(by: .seconds(61))
      #expect(world.list()?.count == 10)
      let rest = world.beginBatch(handle, after: offset).wait()
      #expect(isWhole ? (try? rest.get().count) == 5 : rest.error == .inputOutput)
    }
    world.fileSystem.releaseDirectory(handle)
  }

  @Test func theOldListingSurvivesOneThatFailed() {
    let world = World { store in for number in 0..<2500 { store.put(ObjectKey("k\(number)"), "1") } }
    #expect(world.list(limit: 1000)?.count == 2500)
    world.time.advance(by: .seconds(61))
    world.store.hold(.list)
    let handle = AnswerSlot<Result<DirectoryHandle, Errno>>()
    _ = world.fileSystem.openDirectory(.root, handle.fill)
    for page in 4...5 {
      world.store.waitForRequests(page, .list)
      world.store.releaseOne()
    }
    world.store.waitForRequests(6, .list)
    world.store.setOutage(.failing(InMemoryStore.unavailable))
    world.store.release()
    // It was under way, so that it fails as a whole.
    guard case .success(let opened) = handle.wait() else {
      Issue.record("not opened")
      return
    }
    var offset: Int64 = 2
    var end: Errno?
    while end == nil {
      switch world.beginBatch(opened, after: offset, limit: 1000).wait() {
      case .success(let batch):
        guard let last = batch.last else {
          Issue.record("the listing ended")
          return
        }
        offset = last.offset
      case .failure(let errno): end = errno
      }
    }
    #expect(end == .inputOutput)
    world.fileSystem.releaseDirectory(opened)
    #expect(world.list(limit: 1000)?.count == 2500)
  }

  @Test func whatIsGoneIsGone() {
    let world = World { store in
      store.put("a", "1")
      store.put("b", "1")
    }
    #expect(world.list() == ["a", "b"])
    world.store.remove("a")
    world.store.put("c", "1")
    #expect(world.list() == ["a", "b"])
    world.time.advance(by: .seconds(61))
    #expect(world.list() == ["b", "c"])
    #expect(world.lookup("a").isAbsent)
  }

  @Test func openDirectoriesAreBounded() throws {
    let world = World { $0.put("a", "1") }
    let table = try (0..<100).map { _ in try world.open().get() }
    #expect(Set(table).count == 100)
    for handle in table { world.fileSystem.releaseDirectory(handle) }
    let small = ZarrFileSystem(
      names: world.names, options: FileSystemOptions(maximumDirectories: 1), log: .silent)
    let slot = AnswerSlot<Result<DirectoryHandle, Errno>>()
    _ = small.openDirectory(.root, slot.fill)
    let refused = AnswerSlot<Result<DirectoryHandle, Errno>>()
    _ = small.openDirectory(.root, refused.fill)
    #expect(refused.wait().error != nil)
    small.releaseDirectory(try slot.wait().get())
    let allowed = AnswerSlot<Result<DirectoryHandle, Errno>>()
    _ = small.openDirectory(.root, allowed.fill)
    small.releaseDirectory(try allowed.wait().get())
  }

  @Test func readdirplusCountsReferences() throws {
    let world = World { store in
      store.put("a", "1")
      store.put("d/b", "1")
    }
    let handle = try world.open().get()
    let entries = try world.beginBatch(handle, after: 2).wait().get()
    #expect(world.fileSystem.inodeCount == 1)
    world.fileSystem.countLookups(entries[...])
    #expect(world.fileSystem.inodeCount == 3)
    world.fileSystem.releaseDirectory(handle)
    let directory = try #require(entries.first { $0.attributes.isDirectory }).attributes.inode
    #expect(world.lookup("b", in: directory).attributes?.size == 1)
    // Without the batch at hand.
    world.fileSystem.countLookups(entries[...])
    for entry in entries { world.fileSystem.forget(entry.attributes.inode, count: 2) }
    let child = try #require(world.lookup("b", in: directory).inode)
    world.fileSystem.forget(child, count: 2)
    world.fileSystem.forget(directory, count: 1)
    #expect(world.fileSystem.inodeCount == 1)
  }
}

@Suite struct PlainServerTests {
  @Test func namesResolveAndWhatWasLookedUpIsListed() throws {
    let world = World(canList: false) { store in
      store.put("a.zarr/.zgroup", "{}")
      store.put("a.zarr/air/.zarray", "{}")
      store.put("readme", "hello")
    }
    #expect(world.list() == [])
    #expect(world.walk("a.zarr/air/.zarray")?.size == 2)
    #expect(world.walk("readme")?.size == 5)
    #expect(world.lookup("nothing").isAbsent)
    #expect(world.list() == ["a.zarr/", "readme"])
    let inode = try #require(world.walk("readme")?.inode)
    #expect(world.text(inode) == "hello")
    world.remount()
    #expect(world.list() == ["a.zarr/", "readme"])
    world.store.resetCounts()
    world.time.advance(by: .seconds(61))
    #expect(world.lookup("readme").inode == inode)
    #expect(world.store.requestCount == 1)
  }
}
