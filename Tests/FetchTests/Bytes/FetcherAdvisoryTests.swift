@testable import Cache
@testable import Fetch
import ObjectStorage
import Objects
import Platform
import TestSupport
import Testing

private let mebi: Int64 = 1 << 20

/// The cache is advisory (promise 8): what it cannot hold is read right all the same.
@Suite struct FetcherAdvisoryTests {
  @Test(arguments: ["reading", "writing"])
  func `A cache out of use costs no wrong byte, and windows spare requests`(use: String) throws {
    let world = try FetchWorld()
    let bytes = world.bytes(3 << 20)
    let object = world.put("a", bytes)
    for _ in 0..<100 { (use == "reading" ? world.cache.reading : world.cache.writing).failed("test", .inputOutput) }
    let body = world.cache.body(of: object.inode, size: object.version.size, class: .chunk)
    #expect(body?.beginFill(0..<mebi) == nil)
    let all = try world.readAll(object) == bytes
    #expect(all)
    world.settle()
    #expect(world.store.count(.get, "a") == 3)
    #expect(world.fetcher.statistics.partsInMemory == 3)
    #expect(world.fetcher.statistics.windowBytes == 3 << 20)
    let again = try world.readAll(object) == bytes
    #expect(again)
    #expect(world.store.count(.get, "a") == 3)
  }

  @Test func `An object larger than is kept passes through in windows`() throws {
    let world = try FetchWorld {
      $0.maximumObjectSize = 1 << 20
      $0.memory = 16 << 20
    }
    let bytes = world.bytes(20 << 20)
    let object = world.put("a", bytes)
    let all = try world.readAll(object) == bytes
    #expect(all)
    world.settle()
    #expect(world.cache.usage.bodies == 0)
    #expect(world.fetcher.statistics.windowBytes <= 4 << 20)
    #expect(world.store.bytesSent == 20 << 20)
  }

  @Test func `A cache too small for a part passes it through memory`() throws {
    let world = try FetchWorld(cacheSize: 16 << 20)
    let bytes = world.bytes(15 << 20)
    let object = world.put("a", bytes)
    var random = SeededGenerator(seed: 7)
    for _ in 0..<50 {
      let lower = Int64.random(in: 0..<15 * mebi - 1, using: &random)
      let range = lower..<min(lower + 200_000, 15 * mebi)
      let isSame = try world.read(object, range) == bytes[Int(range.lowerBound)..<Int(range.upperBound)]
      #expect(isSame)
    }
  }

  @Test func `Without room in the cache, READs go by windows`() throws {
    let world = try FetchWorld(cacheSize: 16 << 20)
    let bytes = world.bytes(15 << 20)
    let object = world.put("a", bytes)
    let all = try world.readAll(object) == bytes
    #expect(all)
    world.settle()
    // Each byte came once, whether it was kept in the cache or in a window.
    #expect(world.store.bytesSent == 15 << 20)
  }

  @Test func `A fill that breaks midway goes on in memory`() throws {
    let world = try FetchWorld()
    let bytes = world.bytes(100_000)
    let object = world.put("a", bytes)
    let body = try #require(world.cache.body(of: object.inode, size: 200_000, class: .chunk))
    // Room for two blocks only: the third append fails.
    let fill = try #require(body.beginFill(0..<65_536))
    let storage = PartStorage(0..<196_608, fill: fill)
    for lower in stride(from: 0, to: 100_000, by: 20_000) {
      let isKept = bytes[lower..<lower + 20_000].withUnsafeBytes { storage.append($0) }
      #expect(isKept)
    }
    var got = [UInt8](repeating: 0, count: 90_000)
    let isRead = got.withUnsafeMutableBytes { storage.read(5_000..<95_000, into: $0) }
    let isSame = got == bytes[5_000..<95_000]
    #expect(isRead && isSame)
    let window = try #require(storage.finish(keep: true))
    #expect(window.arrived == 32_768..<100_000)
    #expect(body.missing(in: 0..<65_536) == [32_768..<65_536])
  }

  @Test func `Wrong bytes are discarded, not kept`() throws {
    let world = try FetchWorld()
    let body = try #require(world.cache.body(of: InodeNumber(80_000), size: 65_536, class: .chunk))
    let fill = try #require(body.beginFill(0..<65_536))
    let storage = PartStorage(0..<65_536, fill: fill)
    let isKept = world.bytes(65_536).withUnsafeBytes { storage.append($0) }
    #expect(isKept)
    #expect(storage.finish(keep: false) == nil)
    #expect(body.missing(in: 0..<65_536) == [0..<65_536])
  }

  @Test func `Damaged or evicted bytes are fetched again`() throws {
    let world = try FetchWorld()
    let bytes = world.bytes(1 << 20)
    let object = world.put("a", bytes)
    _ = try world.readAll(object)
    world.settle()
    world.cache.evict(object.inode)
    let again = try world.readAll(object) == bytes
    #expect(again)
    world.settle()
    #expect(world.store.count(.get, "a") == 2)
  }

  @Test(arguments: [UInt64(1), 2, 3]) func `Random READs of many threads equal the object`(seed: UInt64) throws {
    let world = try FetchWorld(cacheSize: seed == 3 ? 24 << 20 : 256 << 20) {
      $0.partSize = 1 << 20
      $0.wholeLimit = 2 << 20
      $0.memory = 16 << 20
      if seed == 2 { $0.maximumObjectSize = 4 << 20 }
    }
    let contents = [1 << 20, 3 << 20, 33 << 20, 100_003].map { world.bytes($0) }
    let objects = contents.enumerated().map { world.put(ObjectKey("o/\($0.offset)"), $0.element) }
    let wrong = Monitor(0)
    var threads: [Thread] = []
    for index in 0..<4 {
      threads.append(
        try Thread.start("reader") {
          var random = SeededGenerator(seed: seed * 100 + UInt64(index))
          for _ in 0..<100 {
            let pick = Int.random(in: 0..<objects.count, using: &random)
            let size = objects[pick].version.size
            let lower = Int64.random(in: 0..<size, using: &random)
            let range = lower..<min(size, lower + Int64.random(in: 1...300_000, using: &random))
            let (answer, pending) = world.ask(objects[pick], range)
            if Int.random(in: 0..<20, using: &random) == 0 { pending?.interrupt() }
            let isRight: Bool
            switch answer.wait() {
            case .success(let got):
              isRight = got == contents[pick][Int(range.lowerBound)..<Int(range.upperBound)]
            case .failure(let failure): isRight = failure == .interrupted
            }
            if !isRight { wrong.withLock { $0 += 1 } }
          }
        })
    }
    for thread in threads { thread.join() }
    #expect(wrong.withLock { $0 } == 0)
    world.settle()
    let statistics = world.fetcher.statistics
    #expect(statistics.openFetches == 0 && statistics.waitingReads == 0 && statistics.budgetInUse == 0)
  }
}
