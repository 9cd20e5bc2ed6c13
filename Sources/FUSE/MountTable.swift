package import Platform

/// What is mounted where, as the calling process sees it (proc(5), /proc/self/mountinfo). Reading it touches no mount,
/// so that it cannot hang on a dead one.
package struct MountTable: Sendable {
  package struct Mount: Equatable, Sendable {
    /// `major:minor` of the device number that `stat` shows.
    package var device: String
    package var mountpoint: String
    /// `fuse.zarrfs` for ours.
    package var type: String
    package var source: String
  }

  package let mounts: [Mount]

  /// `text` is the content of mountinfo.
  package init(parsing text: String) {
    mounts = text.split(separator: "\n").compactMap { line in
      let fields = line.split(separator: " ", omittingEmptySubsequences: false)
      // After six fixed fields come optional ones, up to a lone dash.
      guard fields.count > 6, let dash = fields[6...].firstIndex(of: "-"), fields.count > dash + 2 else { return nil }
      return Mount(
        device: String(fields[2]), mountpoint: Self.unescaped(fields[4]), type: String(fields[dash + 1]),
        source: Self.unescaped(fields[dash + 2]))
    }
  }

  package static func current() throws(Errno) -> MountTable {
    let file = try FileDescriptor.open("/proc/self/mountinfo", 0)
    var text: [UInt8] = []
    let chunk = UnsafeMutableRawBufferPointer.allocate(byteCount: 65_536, alignment: 16)
    defer { chunk.deallocate() }
    while true {
      let count = try file.read(into: chunk, at: Int64(text.count))
      text += chunk[..<count]
      if count < chunk.count { break }
    }
    return MountTable(parsing: String(decoding: text, as: UTF8.self))
  }

  /// What is mounted exactly there: the last one covers the others. `path` is absolute and without links.
  package func mount(at path: String) -> Mount? { mounts.last { $0.mountpoint == path } }

  /// The mount that `path` lies in.
  package func mount(holding path: String) -> Mount? {
    var best: Mount?
    for mount in mounts {
      let isInside =
        mount.mountpoint == "/" || path == mount.mountpoint || path.hasPrefix(mount.mountpoint + "/")
      if isInside, mount.mountpoint.utf8.count >= (best?.mountpoint.utf8.count ?? 0) { best = mount }
    }
    return best
  }

  /// Blank, tab, newline and backslash stand as three octal digits.
  private static func unescaped(_ field: Substring) -> String {
    var bytes: [UInt8] = []
    var rest = Array(field.utf8)[...]
    while let byte = rest.popFirst() {
      let digits = rest.prefix(3)
      if byte == UInt8(ascii: "\\"), digits.count == 3, digits.allSatisfy({ (0x30...0x37).contains($0) }) {
        bytes.append(digits.reduce(0) { $0 &* 8 &+ ($1 - 0x30) })
        rest = rest.dropFirst(3)
      } else {
        bytes.append(byte)
      }
    }
    return String(decoding: bytes, as: UTF8.self)
  }
}
