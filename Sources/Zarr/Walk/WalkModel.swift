/// An order over chunks, as an odometer has it: the fastest axis sweeps its range, then the next one steps.
///
/// Positions along the order are whole numbers, so that "next", "late" and "elsewhere" are differences.
struct WalkModel: Equatable, Sendable {
  struct Digit: Equatable, Sendable {
    var axis: Int
    /// Signed, never 0.
    var step: Int64
    /// The coordinate where the sweep begins.
    var start: Int64
    /// Places of the digit, at least 1.
    var count: Int64
  }

  /// Fastest first.
  private(set) var digits: [Digit] = []
  /// Where the axes without a digit stay.
  private let base: ChunkCoordinates
  /// All positions; a product of the counts.
  private(set) var positions: Int64 = 1

  init(base: ChunkCoordinates) { self.base = base }

  /// Adds a slower digit, unless positions would no longer fit.
  mutating func append(_ digit: Digit) {
    let (product, overflow) = positions.multipliedReportingOverflow(by: digit.count)
    guard !overflow, product < 1 << 62 else { return }
    positions = product
    digits.append(digit)
  }

  /// Where a chunk is in the order; nil if the order never comes to it.
  func position(of coordinates: ChunkCoordinates) -> Int64? {
    var position: Int64 = 0
    var radix: Int64 = 1
    var moved: UInt64 = 0
    for digit in digits {
      let distance = coordinates[digit.axis] - digit.start
      guard distance % digit.step == 0 else { return nil }
      let place = distance / digit.step
      guard place >= 0, place < digit.count else { return nil }
      position += place * radix
      radix *= digit.count
      moved |= 1 << UInt64(digit.axis)
    }
    for axis in 0..<coordinates.rank where moved & 1 << UInt64(axis) == 0 {
      guard coordinates[axis] == base[axis] else { return nil }
    }
    return position
  }

  func coordinates(at position: Int64) -> ChunkCoordinates? {
    guard position >= 0, position < positions else { return nil }
    var coordinates = base
    var rest = position
    for digit in digits {
      coordinates[digit.axis] = digit.start + rest % digit.count * digit.step
      rest /= digit.count
    }
    return coordinates
  }
}
