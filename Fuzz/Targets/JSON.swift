import Zarr

/// What parses is written as text that parses to the same tree.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzz(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
  let bytes = Array(UnsafeBufferPointer(start: start, count: count))
  guard let value = try? JSONParser.parse(bytes) else { return 0 }
  if value.string != nil { return 0 }
  let again = try? JSONParser.parse(Array(value.text.utf8))
  precondition(again == value)
  _ = value.integers
  return 0
}
