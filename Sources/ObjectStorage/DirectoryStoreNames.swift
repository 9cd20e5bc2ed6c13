import Glibc

/// The names of one directory in the order in which S3 would list them, packed: 200,000 short names take some 6 MB.
///
/// A directory sorts as its key does, with its slash: `a-b` comes before `a/`, which comes before `a0`.
struct DirectoryStoreNames: Sendable {
  struct Name: Sendable {
    fileprivate var offset: UInt32
    fileprivate var length: UInt16
    var isDirectory: Bool
  }

  /// Each name followed by a slash, so that a directory's key part is contiguous.
  private var bytes: [UInt8] = []
  private var names: [Name] = []

  var count: Int { names.count }
  var isEmpty: Bool { names.isEmpty }

  mutating func append(_ name: UnsafeRawBufferPointer, isDirectory: Bool) {
    guard bytes.count + name.count < Int(UInt32.max) else { return }
    names.append(Name(offset: UInt32(bytes.count), length: UInt16(name.count), isDirectory: isDirectory))
    bytes.append(contentsOf: name)
    bytes.append(UInt8(ascii: "/"))
  }

  mutating func sort() {
    let bytes = self.bytes
    bytes.withUnsafeBytes { buffer in
      names.sort { Self.compare(Self.sortKey($0, in: buffer), Self.sortKey($1, in: buffer)) < 0 }
    }
  }

  func isDirectory(_ index: Int) -> Bool { names[index].isDirectory }

  /// The name as it goes into a key: a directory with its slash.
  func keyPart(_ index: Int) -> ArraySlice<UInt8> {
    let name = names[index]
    let start = Int(name.offset)
    return bytes[start..<start + Int(name.length) + (name.isDirectory ? 1 : 0)]
  }

  /// The name alone.
  func name(_ index: Int) -> ArraySlice<UInt8> {
    let start = Int(names[index].offset)
    return bytes[start..<start + Int(names[index].length)]
  }

  /// The index of the first key part that is not below `bound`.
  func firstIndex(notBelow bound: some Collection<UInt8>) -> Int {
    let bound = Array(bound)
    return bytes.withUnsafeBytes { buffer in
      bound.withUnsafeBytes { bound in
        var lower = 0
        var upper = names.count
        while lower < upper {
          let middle = (lower + upper) / 2
          if Self.compare(Self.sortKey(names[middle], in: buffer), bound) < 0 {
            lower = middle + 1
          } else {
            upper = middle
          }
        }
        return lower
      }
    }
  }

  private static func sortKey(_ name: Name, in buffer: UnsafeRawBufferPointer) -> UnsafeRawBufferPointer {
    let start = Int(name.offset)
    return UnsafeRawBufferPointer(rebasing: buffer[start..<start + Int(name.length) + (name.isDirectory ? 1 : 0)])
  }

  private static func compare(_ a: UnsafeRawBufferPointer, _ b: UnsafeRawBufferPointer) -> Int {
    let common = min(a.count, b.count)
    if common > 0 {
      let order = memcmp(a.baseAddress!, b.baseAddress!, common)
      if order != 0 { return Int(order) }
    }
    return a.count - b.count
  }
}
