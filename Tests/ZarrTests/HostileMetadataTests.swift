import Objects
import Testing
import Zarr

/// Documents with bytes changed, numbers blown up and parts left out: read or refused, never a trap. `Fuzz/` goes further.
@Suite struct HostileMetadataTests {
  static let documents = [
    ArrayMetadataV2Tests.specification, ArrayMetadataV3Tests.document(), ArrayMetadataV3Tests.sharded(),
    ConsolidatedMetadataTests.v2,
  ]
  static let numbers = [
    "-1", "0", "9223372036854775807", "9223372036854775808", "1e999", "NaN", "null", "[[]]", "{}", "\"\"",
  ]

  @Test(arguments: documents)
  func `any damage is survived`(document: String) {
    var generator = SplitMix64(seed: 11)
    let bytes = Array(document.utf8)
    for _ in 0..<1500 {
      var damaged = bytes
      for _ in 0..<Int.random(in: 1...3, using: &generator) {
        let position = Int.random(in: 0..<damaged.count, using: &generator)
        switch Int.random(in: 0..<3, using: &generator) {
        case 0: damaged[position] = UInt8.random(in: 0...255, using: &generator)
        case 1:
          damaged.removeSubrange(position..<min(position + Int.random(in: 1...20, using: &generator), damaged.count))
        default:
          let digits = damaged[position...].prefix { UInt8(ascii: "0")...UInt8(ascii: "9") ~= $0 }
          let number = Self.numbers.randomElement(using: &generator) ?? "0"
          damaged.replaceSubrange(position..<(position + digits.count), with: number.utf8)
        }
        if damaged.isEmpty { damaged = [0] }
      }
      for kind in MetadataDocument.allCases {
        guard let array = try? NodeMetadata.parse(kind, bytes: damaged).array else { continue }
        #expect(array.isPlain == (array.layout == nil))
        _ = array.chunkBytes
        _ = try? ChunkSelection(array, []).count
      }
      _ = try? ConsolidatedMetadata.parse(damaged)
    }
  }
}
