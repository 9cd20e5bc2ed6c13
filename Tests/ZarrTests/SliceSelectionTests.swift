import Testing
import Zarr

@Suite struct SliceSelectionTests {
  func array(shape: [Int64], chunks: [Int64], names: [String?] = []) -> ArrayMetadata {
    ArrayMetadata(
      format: .v2, shape: shape, chunkShape: chunks, keyEncoding: .v2(.dot), dimensionNames: names)
  }

  @Test(
    arguments: [
      ("time=0:10", "time", 0, 10, 1), ("time=:10:2", "time", nil, 10, 2), ("0=5:", "0", 5, nil, 1),
      ("x=:", "x", nil, nil, 1),
      ("x=-5:-1", "x", -5, -1, 1), ("x=3", "x", 3, 4, 1), ("x=-1", "x", -1, nil, 1), ("x=::4", "x", nil, nil, 4),
      ("a=b=1:2", "a=b", 1, 2, 1),
    ] as [(String, String, Int64?, Int64?, Int64)])
  func parses(text: String, name: String, start: Int64?, stop: Int64?, step: Int64) throws {
    let slice = try SliceSelection(parsing: text)
    #expect(slice == SliceSelection(dimension: name, start: start, stop: stop, step: step))
  }

  @Test(arguments: [
    "", "time", "=1:2", "time=", "time=a:b", "time=1:2:3:4", "time=1:2:0", "time=1:2:-1", "t=1.5",
    "t=99999999999999999999:",
  ])
  func refuses(text: String) {
    #expect(throws: SliceSelection.Failure.malformed) { try SliceSelection(parsing: text) }
  }

  @Test func `by name or by number`() throws {
    let metadata = array(shape: [100, 20], chunks: [10, 10], names: ["time", "x"])
    let slices = [try SliceSelection(parsing: "time=15:35"), try SliceSelection(parsing: "1=0:5")]
    #expect(Array(try ChunkSelection(metadata, slices)) == [[1, 0], [2, 0], [3, 0]])
    #expect(try ChunkSelection(metadata, []).count == 20)
    let other = [try SliceSelection(parsing: "level=0:1")]
    #expect(throws: SliceSelection.Failure.unknownDimension("level")) { try ChunkSelection(metadata, other) }
    #expect(try ChunkSelection(metadata, other, ignoringUnknown: true).count == 20)
    #expect(Array(try ChunkSelection(metadata, [try SliceSelection(parsing: "x=30:40")])) == [])
    #expect(throws: SliceSelection.Failure.noGrid) { try ChunkSelection(array(shape: [1], chunks: []), []) }
  }

  @Test func `scalars and empty arrays`() throws {
    #expect(Array(try ChunkSelection(array(shape: [], chunks: []), [])) == [[]])
    let empty = try ChunkSelection(array(shape: [5, 0], chunks: [1, 1]), [])
    #expect(Array(empty) == [])
    #expect(empty.count == 0)
  }

  @Test func `huge arrays are counted, not walked`() throws {
    let huge = array(shape: [.max, .max], chunks: [1, 1])
    #expect(try ChunkSelection(huge, []).count == nil)
    let one = try ChunkSelection(huge, [try SliceSelection(parsing: "0=-1"), try SliceSelection(parsing: "1=-3::2")])
    #expect(one.count == 2)
    let last = Int64.max - 1
    let expected: [ChunkCoordinates] = [[last, last - 2], [last, last]]
    #expect(Array(one) == expected)
  }

  @Test func `the chunks of a slice are those its elements lie in`() throws {
    var generator = SplitMix64(seed: 5)
    for _ in 0..<400 {
      let shape = (0..<2).map { _ in Int64.random(in: 1...40, using: &generator) }
      let chunks = (0..<2).map { _ in Int64.random(in: 1...12, using: &generator) }
      let slices = (0..<2).map { axis in
        SliceSelection(
          dimension: String(axis), start: Int64.random(in: -45...45, using: &generator),
          stop: Int64.random(in: -45...45, using: &generator), step: Int64.random(in: 1...15, using: &generator))
      }
      let expected = (0..<2).map { axis -> [Int64] in
        guard let (first, end, step) = slices[axis].resolved(length: shape[axis]) else { return [] }
        return Set(stride(from: first, to: end, by: Int(step)).map { $0 / chunks[axis] }).sorted()
      }
      let selection = try ChunkSelection(array(shape: shape, chunks: chunks), slices)
      let same = Array(selection) == box(expected)
      #expect(same)
      #expect(selection.count == Int64(box(expected).count))
    }
  }
}
