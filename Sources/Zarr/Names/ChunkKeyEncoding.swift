package enum ChunkSeparator: UInt8, Sendable {
  case dot = 0x2E
  case slash = 0x2F

  package init?(_ text: String) {
    switch text {
    case ".": self = .dot
    case "/": self = .slash
    default: return nil
    }
  }
}

/// How the coordinates of a chunk become its key below the array's directory (v3 core specification, "Chunk key
/// encoding"; v2 specification, "Storing chunks").
package enum ChunkKeyEncoding: Hashable, Sendable {
  /// `0.1.2` or `0/1/2`; `0` for a scalar. All of Zarr v2, and `v2` in v3.
  case v2(ChunkSeparator)
  /// `c/0/1/2` or `c.0.1.2`; `c` for a scalar.
  case `default`(ChunkSeparator)

  package var separator: ChunkSeparator {
    switch self {
    case .v2(let separator), .default(let separator): separator
    }
  }

  /// Whether keys begin with `c`.
  package var isDefault: Bool {
    if case .default = self { return true }
    return false
  }

  package func key(_ coordinates: ChunkCoordinates) -> [UInt8] {
    var key = [UInt8]()
    key.reserveCapacity(coordinates.rank * 5 + 1)
    if isDefault { key.append(UInt8(ascii: "c")) } else if coordinates.rank == 0 { key.append(UInt8(ascii: "0")) }
    for axis in 0..<coordinates.rank {
      if !key.isEmpty { key.append(separator.rawValue) }
      Self.append(coordinates[axis], to: &key)
    }
    return key
  }

  /// The inverse of `key`: nil unless the key is exactly what `key` gives for some coordinates of this rank
  /// (no sign, no leading zero, no other separator).
  package func coordinates(_ key: [UInt8], rank: Int) -> ChunkCoordinates? {
    guard let values = prefix(key, rank: rank), values.count == rank, !values.contains(.max) else { return nil }
    return ChunkCoordinates(values)
  }

  /// The leading coordinates that a key, or a directory on the way to one, stands for; empty for `c`.
  /// Numbers beyond 63 bits become `Int64.max`, which is in no grid. nil for anything that is no such key.
  package func prefix(_ key: [UInt8], rank: Int) -> [Int64]? {
    var index = 0
    if isDefault {
      guard key.first == UInt8(ascii: "c") else { return nil }
      if key.count == 1 { return rank == 0 || separator == .slash ? [] : nil }
      guard key[1] == separator.rawValue else { return nil }
      index = 2
    } else if rank == 0 {
      return key == [UInt8(ascii: "0")] ? [] : nil
    }
    var values = [Int64]()
    values.reserveCapacity(rank)
    while true {
      guard values.count < rank, let value = Self.number(key, at: &index) else { return nil }
      values.append(value)
      if index == key.count { break }
      guard key[index] == separator.rawValue else { return nil }
      index += 1
    }
    return separator == .slash || values.count == rank ? values : nil
  }

  private static func append(_ value: Int64, to key: inout [UInt8]) {
    if value < 10, value >= 0 { return key.append(UInt8(ascii: "0") + UInt8(value)) }
    var divisor: UInt64 = 1
    while value.magnitude / divisor >= 10 { divisor *= 10 }
    while divisor > 0 {
      key.append(UInt8(ascii: "0") + UInt8(value.magnitude / divisor % 10))
      divisor /= 10
    }
  }

  /// Takes a canonical decimal number; saturates.
  private static func number(_ key: [UInt8], at index: inout Int) -> Int64? {
    let start = index
    var value: Int64 = 0
    while index < key.count {
      let digit = key[index] &- UInt8(ascii: "0")
      guard digit < 10 else { break }
      if index == start + 1, value == 0 { return nil }
      let (tens, overflow) = value.multipliedReportingOverflow(by: 10)
      let (sum, overflowToo) = tens.addingReportingOverflow(Int64(digit))
      value = overflow || overflowToo ? .max : sum
      index += 1
    }
    return index == start ? nil : value
  }
}
