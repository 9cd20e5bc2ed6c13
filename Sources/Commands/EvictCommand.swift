import Glibc
import Platform

/// `zarrfs evict PATH`: through the mount's control directory, where reading `evict/NUMBER.json` does it.
enum EvictCommand {
  static func run(_ parsed: ParsedArguments) throws(CommandFailure) {
    let place = try MountedPath(parsed.positionals[0])
    let document = "\(try place.control())/evict/\(place.inode).json"
    let bytes: [UInt8]
    do throws(Errno) { bytes = try SmallFile.bytes(document) } catch {
      switch error {
      case .accessDenied: throw CommandFailure("only the owner of the mount may drop what it cached")
      case .noEntry: throw CommandFailure("\(place.path) is not known to its mount: \(document) is not there")
      default: throw CommandFailure("\(document) cannot be read: \(error)")
      }
    }
    let text = String(decoding: bytes, as: UTF8.self)
    guard let row = JSONRows.flattened(text)?.first(where: { $0.name == "evicted_bytes" }),
      let freed = Int64(row.value)
    else { throw CommandFailure("\(document) is not understood: \(Log.printable(text))") }
    // The kernel's own copy of a file; of a directory's files it is dropped when `zarrfs warm` reads them.
    if !place.isDirectory, let file = try? FileDescriptor.open(place.path, O_RDONLY) {
      posix_fadvise(file.rawValue, 0, 0, POSIX_FADV_DONTNEED)
    }
    Console.print("\(ByteCount.text(freed)) evicted\n")
  }
}
