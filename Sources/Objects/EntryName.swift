/// One component of a path as the kernel and a listing give it: bytes without a slash.
package struct EntryName: Hashable, Sendable {
  package var bytes: [UInt8]

  package init(bytes: [UInt8]) { self.bytes = bytes }
  package init(_ text: String) { bytes = Array(text.utf8) }

  /// NAME_MAX of Linux: longer names cannot be shown.
  package static let maximumLength = 255

  /// Whether a file system can show the name: not empty, `.` or `..`, no NUL or slash, at most 255 bytes.
  package var isPresentable: Bool {
    guard !bytes.isEmpty, bytes.count <= Self.maximumLength else { return false }
    if bytes == [UInt8(ascii: ".")] || bytes == [UInt8(ascii: "."), UInt8(ascii: ".")] { return false }
    return !bytes.contains(0) && !bytes.contains(UInt8(ascii: "/"))
  }
}

extension EntryName: CustomStringConvertible, ExpressibleByStringLiteral, Comparable {
  package var description: String { String(decoding: bytes, as: UTF8.self) }
  package init(stringLiteral value: String) { self.init(value) }
  package static func < (a: Self, b: Self) -> Bool { a.bytes.lexicographicallyPrecedes(b.bytes) }
}
