/// The key of an object in its bucket (S3: up to 1,024 bytes of UTF-8), or the path below an HTTP or directory source.
///
/// Bytes, not characters: keys are compared, sorted and shown as the remote holds them, never normalised.
/// Relative to the mounted prefix; no leading slash. A directory's key ends with a slash; the root is empty.
package struct ObjectKey: Hashable, Sendable {
  package var bytes: [UInt8]

  package init(bytes: [UInt8]) { self.bytes = bytes }
  package init(_ text: String) { bytes = Array(text.utf8) }

  package static let root = ObjectKey(bytes: [])

  package var isDirectory: Bool { bytes.isEmpty || bytes.last == UInt8(ascii: "/") }

  /// The key of the directory that holds it.
  package var directory: ObjectKey {
    let slash = bytes.dropLast().lastIndex(of: UInt8(ascii: "/"))
    return ObjectKey(bytes: slash.map { Array(bytes[...$0]) } ?? [])
  }

  /// The key of `name` in this directory. Requires `isDirectory`.
  package func appending(_ name: EntryName, asDirectory: Bool = false) -> ObjectKey {
    var result = [UInt8]()
    result.reserveCapacity(bytes.count + name.bytes.count + 1)
    result += bytes
    result += name.bytes
    if asDirectory { result.append(UInt8(ascii: "/")) }
    return ObjectKey(bytes: result)
  }
}

extension ObjectKey: CustomStringConvertible, ExpressibleByStringLiteral {
  /// For people; bytes that are not UTF-8 are replaced. Escape before it reaches a log (`Log` does).
  package var description: String { String(decoding: bytes, as: UTF8.self) }
  package init(stringLiteral value: String) { self.init(value) }
}
