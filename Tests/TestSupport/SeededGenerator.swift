/// Random numbers that repeat: SplitMix64 (Steele, Lea and Flood, 2014). The same seed gives the same numbers everywhere.
package struct SeededGenerator: RandomNumberGenerator, Sendable {
  private var state: UInt64

  package init(seed: UInt64) { state = seed }

  package mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var word = state
    word = (word ^ (word >> 30)) &* 0xBF58_476D_1CE4_E5B9
    word = (word ^ (word >> 27)) &* 0x94D0_49BB_1331_11EB
    return word ^ (word >> 31)
  }

  /// `count` random bytes.
  package mutating func bytes(_ count: Int) -> [UInt8] {
    // An empty one would write its count into the storage that all empty arrays share: a race to the sanitizer.
    if count == 0 { return [] }
    return [UInt8](unsafeUninitializedCapacity: count) { buffer, initialized in
      var index = 0
      // By words: byte by byte takes seconds in a debug build.
      let raw = UnsafeMutableRawBufferPointer(buffer)
      while count - index >= 8 {
        raw.storeBytes(of: next().littleEndian, toByteOffset: index, as: UInt64.self)
        index += 8
      }
      var word = index < count ? next() : 0
      while index < count {
        buffer[index] = UInt8(truncatingIfNeeded: word)
        word >>= 8
        index += 1
      }
      initialized = count
    }
  }
}
