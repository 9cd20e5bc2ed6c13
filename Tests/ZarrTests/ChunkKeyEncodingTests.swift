import Testing
import Zarr

@Suite struct ChunkKeyEncodingTests {
  static let all: [ChunkKeyEncoding] = [.v2(.dot), .v2(.slash), .default(.slash), .default(.dot)]

  /// v2 specification "Chunks"; v3 core specification "Chunk key encoding", its table of examples.
  @Test(
    arguments: [
      (.v2(.dot), [0, 0], "0.0"), (.v2(.dot), [23, 45], "23.45"), (.v2(.slash), [1, 23, 45], "1/23/45"),
      (.v2(.dot), [], "0"), (.v2(.slash), [], "0"), (.v2(.dot), [7], "7"),
      (.default(.slash), [1, 23, 45], "c/1/23/45"), (.default(.dot), [1, 23, 45], "c.1.23.45"),
      (.default(.slash), [], "c"),
      (.default(.dot), [], "c"), (.default(.slash), [10], "c/10"),
      (.v2(.dot), [Int64.max - 1], "9223372036854775806"),
    ] as [(ChunkKeyEncoding, ChunkCoordinates, String)])
  func vectors(encoding: ChunkKeyEncoding, coordinates: ChunkCoordinates, key: String) {
    #expect(String(decoding: encoding.key(coordinates), as: UTF8.self) == key)
    #expect(encoding.coordinates(Array(key.utf8), rank: coordinates.rank) == coordinates)
  }

  @Test(arguments: all)
  func `round trips for every rank`(encoding: ChunkKeyEncoding) {
    var generator = SplitMix64(seed: 42)
    for rank in 0...32 {
      for _ in 0..<20 {
        let values = (0..<rank).map { _ in
          Int64(truncatingIfNeeded: generator.next() >> UInt64.random(in: 1...63, using: &generator))
        }
        let coordinates = ChunkCoordinates(values.map { min($0, .max - 1) })
        let key = encoding.key(coordinates)
        #expect(encoding.coordinates(key, rank: rank) == coordinates)
        if rank > 1 { #expect(encoding.coordinates(key, rank: rank - 1) == nil) }
        // `0` is the key of a scalar and of the first chunk of one dimension.
        if rank > 0 || encoding.isDefault { #expect(encoding.coordinates(key, rank: rank + 1) == nil) }
      }
    }
  }

  @Test(arguments: [
    "", "00.0", "0.00", "01.0", "+1.0", "-1.0", "1.-0", " 1.0", "1.0 ", "1..0", ".1.0", "1.0.", "1,0", "1.x", "a", "c",
    "c.0.0",
    "c/0/0", "1", "1.2.3", "1/0", "0x1.0", "٣.0", "1.0\u{0}",
  ])
  func `only canonical keys of v2 count`(key: String) {
    #expect(ChunkKeyEncoding.v2(.dot).coordinates(Array(key.utf8), rank: 2) == nil)
  }

  @Test(arguments: [
    "", "c/", "c/0", "c/0/", "c/0/0/", "c//0", "/c/0/0", "c/0.0", "c.0.0", "0/0", "C/0/0", "c/00/0", "cc/0/0", "c0/0",
  ])
  func `only canonical keys of v3 count`(key: String) {
    #expect(ChunkKeyEncoding.default(.slash).coordinates(Array(key.utf8), rank: 2) == nil)
  }

  @Test func `random bytes decode only to what encodes to them`() {
    var generator = SplitMix64(seed: 7)
    let alphabet = Array("0123456789./c-".utf8)
    for _ in 0..<20_000 {
      let key = (0..<Int.random(in: 0...9, using: &generator)).map { _ in alphabet.randomElement(using: &generator) ?? 0
      }
      for encoding in Self.all {
        for rank in 0...3 {
          if let coordinates = encoding.coordinates(key, rank: rank), encoding.key(coordinates) != key {
            Issue.record("\(encoding) \(key)")
          }
        }
      }
    }
  }

  @Test func `directories on the way`() {
    let slash = ChunkKeyEncoding.default(.slash)
    #expect(slash.prefix(Array("c".utf8), rank: 3) == [])
    #expect(slash.prefix(Array("c/4".utf8), rank: 3) == [4])
    #expect(slash.prefix(Array("c/4/12".utf8), rank: 3) == [4, 12])
    #expect(slash.prefix(Array("c/99999999999999999999".utf8), rank: 3) == [.max])
    #expect(ChunkKeyEncoding.v2(.slash).prefix(Array("4/12".utf8), rank: 3) == [4, 12])
    #expect(ChunkKeyEncoding.v2(.dot).prefix(Array("4.12".utf8), rank: 3) == nil)
    #expect(ChunkKeyEncoding.default(.dot).prefix(Array("c".utf8), rank: 3) == nil)
  }
}
