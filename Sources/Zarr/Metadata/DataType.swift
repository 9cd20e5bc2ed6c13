/// Sizes of elements, where the name of the type tells it.
enum DataType {
  /// NumPy's typestr, or a list of fields of a record (v2 specification, "Data type encoding").
  static func itemSize(v2 value: JSONValue) -> Int64? {
    if let fields = value.array {
      var sum: Int64 = 0
      for field in fields {
        guard let parts = field.array, parts.count >= 2, let size = itemSize(v2: parts[1]) else { return nil }
        var count: Int64 = 1
        if parts.count > 2 {
          guard let shape = parts[2].integers ?? parts[2].integer.map({ [$0] }), !shape.contains(where: { $0 < 0 }),
            let product = checkedProduct(shape)
          else { return nil }
          count = product
        }
        let (bytes, overflow) = size.multipliedReportingOverflow(by: count)
        let (total, overflowToo) = sum.addingReportingOverflow(bytes)
        guard !overflow, !overflowToo else { return nil }
        sum = total
      }
      return sum
    }
    guard let text = value.string else { return nil }
    let bytes = Array(text.utf8)
    guard bytes.count >= 3, "<>|=".utf8.contains(bytes[0]) else { return nil }
    let digits = bytes[2...].prefix { UInt8(ascii: "0")...UInt8(ascii: "9") ~= $0 }
    guard let size = Int64(String(decoding: digits, as: UTF8.self)) else { return nil }
    switch bytes[1] {
    case UInt8(ascii: "U"): return size.multipliedReportingOverflow(by: 4).overflow ? nil : size * 4
    case UInt8(ascii: "O"): return nil
    default: return size
    }
  }

  /// v3 core specification, "Data types", and what zarr-python registers.
  static func itemSize(v3 value: JSONValue) -> Int64? {
    guard let name = ArrayMetadata.name(of: value) else { return nil }
    switch name {
    case "bool", "int8", "uint8": return 1
    case "int16", "uint16", "float16", "bfloat16": return 2
    case "int32", "uint32", "float32": return 4
    case "int64", "uint64", "float64", "complex64", "numpy.datetime64", "numpy.timedelta64": return 8
    case "complex128": return 16
    case "fixed_length_utf32", "null_terminated_bytes", "raw_bytes": return length(value["configuration"])
    default:
      guard name.hasPrefix("r"), let bits = Int64(name.dropFirst()), bits > 0, bits % 8 == 0 else { return nil }
      return bits / 8
    }
  }

  private static func length(_ configuration: JSONValue?) -> Int64? {
    guard let length = configuration?["length_bytes"]?.integer, length >= 0 else { return nil }
    return length
  }
}
