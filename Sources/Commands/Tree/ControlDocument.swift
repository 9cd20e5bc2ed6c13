import Platform
import Zarr

/// One document of a mount's control directory.
struct ControlDocument {
  private let value: JSONValue

  /// nil where there is none: the inode is not known, or the daemon is older.
  init?(_ path: String) {
    guard let bytes = try? SmallFile.bytes(path), let value = try? JSONParser.parse(bytes) else { return nil }
    self.value = value
  }

  subscript(name: String) -> Int64? { value[name]?.integer }
  func text(_ name: String) -> String? { value[name]?.string }
}
