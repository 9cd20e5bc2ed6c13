import Objects
import Platform
import Testing
import Zarr

@testable import Commands

struct WarmTests {
  private func array(
    _ shape: [Int64], _ chunks: [Int64], _ encoding: ChunkKeyEncoding, _ slices: [String] = [], at path: String = "g/a/"
  ) throws -> WarmArray {
    let metadata = ArrayMetadata(
      format: .v3, shape: shape, chunkShape: chunks, keyEncoding: encoding, itemSize: 4,
      dimensionNames: shape.indices.map { "d\($0)" })
    return try WarmArray(
      metadata, at: ObjectKey(path), slices.map { try SliceSelection(parsing: $0) }, ignoringUnknown: false)
  }

  private func text(_ bytes: [UInt8]) -> String { String(decoding: bytes, as: UTF8.self) }

  @Test func namesTheSelectedChunks() throws {
    let array = try array([10, 10], [5, 3], .default(.slash), ["d0=5:", "1=::6"])
    var feed = WarmFeed([array], numbers: [0])
    var files: [String] = []
    while let chunk = feed.next() { files.append(text(array.file(chunk.coordinates))) }
    #expect(files == ["g/a/c/1/0", "g/a/c/1/2"])
    #expect(array.count == 2)
    #expect(array.chunkBytes == 60)
  }

  @Test func goesThroughSeveralArrays() throws {
    let arrays = [
      try array([4], [2], .v2(.dot), at: "x/"), try array([4], [2], .v2(.dot), ["d0=9:"], at: "y/"),
      try array([], [], .v2(.dot), at: ""), try array([2], [2], .v2(.dot), at: "z/"),
    ]
    var feed = WarmFeed(arrays, numbers: [0, 1, 2])
    var files: [String] = []
    while let chunk = feed.next() { files.append(text(arrays[chunk.array].file(chunk.coordinates))) }
    #expect(files == ["x/0", "x/1", "0"])
    #expect(feed.next() == nil)
  }

  @Test func saysWhichDimensionsThereAre() throws {
    let error = #expect(throws: CommandFailure.self) { try array([4], [2], .v2(.dot), ["time=0:1"]) }
    #expect(error?.description.contains("d0") == true)
    let plain = ArrayMetadata(format: .v3, shape: [4], chunkShape: nil, keyEncoding: nil)
    #expect(throws: CommandFailure.self) { try WarmArray(plain, at: .root, [], ignoringUnknown: true) }
  }

  @Test func listsTheDirectoriesOfNestedKeys() throws {
    let nested = try array([8, 10], [2, 5], .default(.slash), ["d0=2:6"])
    #expect(nested.directories?.map(text) == ["g/a/c/1", "g/a/c/2"])
    #expect(try array([8, 10], [2, 5], .v2(.slash)).directories?.map(text) == ["g/a/0", "g/a/1", "g/a/2", "g/a/3"])
    #expect(try array([8, 10], [2, 5], .v2(.dot)).directories?.map(text) == ["g/a"])
    #expect(try array([8], [2], .v2(.dot), at: "").directories?.map(text) == [""])
    #expect(try array([8], [2], .v2(.dot), ["0=9:"]).directories?.isEmpty == true)
  }

  @Test func doesNotListMuchForLittle() throws {
    // One chunk of a million in a flat directory, and a directory for each of many chunks.
    #expect(try array([1_000_000], [1], .v2(.dot), ["0=7"]).directories == nil)
    #expect(try array([1_000_000], [1], .v2(.dot)).directories?.count == 1)
    #expect(try array([50_000, 1], [1, 1], .default(.slash)).directories == nil)
    #expect(try array([900, 1], [1, 1], .default(.slash)).directories?.count == 900)
  }

  @Test func showsProgress() {
    var progress = WarmProgress(chunks: 10, bytes: 1000)
    #expect(progress.line(after: .seconds(1)) == "0 %  0/10 chunks  0 B of 1000 B  0 B/s")
    progress.done = 4
    progress.read = 250
    #expect(
      progress.line(after: .seconds(5), bar: 8)
        == "[==      ] 25 %  4/10 chunks  250 B of 1000 B  50 B/s  15 s left")
    progress.read = 1000
    progress.done = 10
    progress.fail("x")
    #expect(
      progress.line(after: .seconds(5)) == "100 %  10/10 chunks  1000 B of 1000 B  200 B/s  1 failed")
    // Without a listing, by chunks.
    var unlisted = WarmProgress(chunks: 10, bytes: nil)
    unlisted.done = 5
    #expect(unlisted.line(after: .seconds(60)) == "50 %  5/10 chunks  0 B  0 B/s  1 min 0 s left")
    #expect(WarmProgress(chunks: 0, bytes: 0).fraction == 1)
  }

  @Test func showsTimes() {
    #expect(WarmProgress.duration(0.2) == "1 s")
    #expect(WarmProgress.duration(61) == "1 min 1 s")
    #expect(WarmProgress.duration(7260) == "2 h 1 min")
    #expect(WarmProgress.duration(.infinity) == "100000 h 0 min")
  }

  @Test func keepsSomeFailures() {
    var progress = WarmProgress(chunks: 1, bytes: nil)
    for number in 0..<WarmProgress.failureLimit + 5 { progress.fail("\(number)") }
    #expect(progress.failures.count == WarmProgress.failureLimit)
    #expect(progress.failed == Int64(WarmProgress.failureLimit) + 5)
  }

  @Test func saysHowMuchItWillBe() {
    #expect(WarmPlan.text(.init(selected: 1), estimate: nil) == "up to 1 chunk")
    #expect(WarmPlan.text(.init(selected: 3), estimate: 2048) == "up to 3 chunks, up to 2 KiB before compression")
    let listed = WarmPlan.Extent(isListed: true, selected: 9, existing: 5, bytes: 100, cached: 2, cachedBytes: 40)
    #expect(
      WarmPlan.text(listed, estimate: nil) == "5 chunks, 100 B; 4 more do not exist; 2 cached already (40 B)")
  }

  @Test func worksInParallelAndKeepsTheOrder() {
    #expect(Parallel.map(Array(0..<1000), jobs: 8) { $0 * 2 } == (0..<1000).map { $0 * 2 })
    #expect(Parallel.map([Int](), jobs: 8) { $0 }.isEmpty)
  }
}
