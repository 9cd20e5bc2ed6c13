/// From an inode number to its slot: open addressing, linear probing, no tombstones. The numbers themselves are with the
/// owner, who gives them by slot. 4 bytes a place, at most three quarters full.
struct SlotHash {
  private static let empty = UInt32.max
  private var places: [UInt32] = Array(repeating: empty, count: 1024)
  private var count = 0

  var footprint: Int { places.count * 4 }

  func find(_ key: UInt64, _ keyOf: (UInt32) -> UInt64) -> UInt32? {
    var place = home(of: key)
    while places[place] != Self.empty {
      if keyOf(places[place]) == key { return places[place] }
      place = (place + 1) & (places.count - 1)
    }
    return nil
  }

  /// The key must not be there.
  mutating func insert(_ key: UInt64, _ slot: UInt32, _ keyOf: (UInt32) -> UInt64) {
    if (count + 1) * 4 > places.count * 3 { grow(keyOf) }
    put(key, slot)
    count += 1
  }

  mutating func remove(_ key: UInt64, _ keyOf: (UInt32) -> UInt64) {
    var hole = home(of: key)
    while true {
      if places[hole] == Self.empty { return }
      if keyOf(places[hole]) == key { break }
      hole = (hole + 1) & (places.count - 1)
    }
    count -= 1
    // Those behind move up, unless their home lies behind the hole (Knuth, 6.4, algorithm R).
    var place = hole
    while true {
      place = (place + 1) & (places.count - 1)
      if places[place] == Self.empty { break }
      let distance = (place - home(of: keyOf(places[place]))) & (places.count - 1)
      if distance >= (place - hole) & (places.count - 1) {
        places[hole] = places[place]
        hole = place
      }
    }
    places[hole] = Self.empty
  }

  private mutating func put(_ key: UInt64, _ slot: UInt32) {
    var place = home(of: key)
    while places[place] != Self.empty { place = (place + 1) & (places.count - 1) }
    places[place] = slot
  }

  private mutating func grow(_ keyOf: (UInt32) -> UInt64) {
    let old = places
    places = Array(repeating: Self.empty, count: old.count * 2)
    for slot in old where slot != Self.empty { put(keyOf(slot), slot) }
  }

  /// Fibonacci hashing: inode numbers come in runs.
  private func home(of key: UInt64) -> Int {
    Int(truncatingIfNeeded: (key &* 0x9E37_79B9_7F4A_7C15) >> 32) & (places.count - 1)
  }
}
