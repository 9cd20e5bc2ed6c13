import Glibc
import Objects
import Platform
import Zarr

/// A hierarchy in a directory: of a mount, or of a local disk. Never leaves it.
final class FolderReader: NodeReader {
  private static let limit = JSONParser.Limits().size

  let path: String
  private let root: FileDescriptor
  /// `.zarrfs` of the mount; nil for a local disk.
  private let control: String?
  private let isListed: Bool

  init(_ place: MountedPath) throws(CommandFailure) {
    path = place.path
    control = try? place.control()
    isListed = control.map { Self.isListed($0) } ?? true
    do throws(Errno) { root = try FileDescriptor.open(place.path, O_RDONLY | O_DIRECTORY) } catch {
      throw CommandFailure("\(place.path) cannot be read: \(error)")
    }
  }

  /// Whether the daemon's remote lists directories.
  static func isListed(_ control: String) -> Bool {
    ControlDocument("\(control)/stats.json")?.text("listing") ?? "works" == "works"
  }

  func document(_ document: MetadataDocument, of directory: ObjectKey) -> DocumentAnswer {
    let key = directory.appending(document.name)
    do throws(Errno) { return .found(try read(key)) } catch {
      switch error {
      case .noEntry, .notDirectory, .isDirectory: return .absent
      default: return .failed("\(shown(key)) cannot be read: \(error)")
      }
    }
  }

  private func read(_ key: ObjectKey) throws(Errno) -> [UInt8] {
    // A FIFO of this name shall not hold us.
    let file = try FileDescriptor.open(beneath: root, key.bytes, O_RDONLY | O_NONBLOCK)
    let chunk = UnsafeMutableRawBufferPointer.allocate(byteCount: 128 << 10, alignment: 16)
    defer { chunk.deallocate() }
    var bytes: [UInt8] = []
    // One chunk beyond the limit is for the parser to refuse.
    while bytes.count <= Self.limit {
      let count = try file.read(into: chunk, at: Int64(bytes.count))
      bytes += chunk[..<count]
      if count < chunk.count { break }
    }
    return bytes
  }

  func directories(in directory: ObjectKey) -> DirectoriesAnswer {
    var names: [EntryName] = []
    do throws(Errno) {
      let open = try OpenDirectory(beneath: root, directory.bytes.dropLast())
      var unknown: [EntryName] = []
      try open.forEach { bytes, type in
        if type == DT_DIR { names.append(EntryName(bytes: Array(bytes))) }
        if type == DT_UNKNOWN { unknown.append(EntryName(bytes: Array(bytes))) }
      }
      for name in unknown {
        guard let status = try? open.status(of: name.bytes), status.st_mode & S_IFMT == S_IFDIR else { continue }
        names.append(name)
      }
    } catch { return .failed("\(shown(directory)) cannot be listed: \(error)") }
    // What a remote that does not list shows is what is known of it.
    return names.isEmpty && !isListed ? .unlisted : .found(names.sorted())
  }

  func cached(below directory: ObjectKey) -> TreeNode.Cached? {
    guard let control, let status = try? status(of: directory.bytes.dropLast()),
      let document = ControlDocument("\(control)/cached/\(status.st_ino).json"),
      let chunks = document["cached_chunks"], let bytes = document["allocated_bytes"]
    else { return nil }
    return TreeNode.Cached(chunks: chunks, bytes: bytes)
  }

  /// Of a path below; without opening what it names.
  func status(of path: some Collection<UInt8>) throws(Errno) -> stat {
    try FileDescriptor.locate(beneath: root, path).status()
  }

  func open(_ path: some Collection<UInt8>) throws(Errno) -> FileDescriptor {
    try FileDescriptor.open(beneath: root, path, O_RDONLY)
  }

  /// Makes the daemon list a directory, so that it knows the names and sizes in it.
  func list(_ directory: some Collection<UInt8>) throws(Errno) {
    try OpenDirectory(beneath: root, directory).forEach { _, _ in }
  }

  private func shown(_ key: ObjectKey) -> String { Log.printable("\(path)/\(key)") }
}
