import Glibc
import Platform

/// A directory of its own below `$TMPDIR` or /tmp, removed with all that is in it at the end of its life.
package final class TemporaryDirectory: Sendable {
  package let path: String

  package init(_ label: String = "zarrfs-test") {
    let base = getenv("TMPDIR").map { String(cString: $0) } ?? "/tmp"
    var template = Array("\(base)/\(label)-XXXXXX".utf8CString)
    guard let made = mkdtemp(&template) else { fatalError("mkdtemp: \(Errno.current)") }
    path = String(cString: made)
  }

  deinit { Self.remove(path) }

  /// The path of a name inside.
  package func path(_ name: String) -> String { "\(path)/\(name)" }

  /// Writes a file, making the directories above it; a file of that name is written over in place.
  package func write(_ bytes: [UInt8], to name: String) {
    let components = name.split(separator: "/")
    var directory = path
    for component in components.dropLast() {
      directory += "/\(component)"
      mkdir(directory, 0o700)
    }
    do throws(Errno) {
      let file = try FileDescriptor.open(self.path(name), O_WRONLY | O_CREAT | O_TRUNC)
      var failure: Errno?
      bytes.withUnsafeBytes { buffer in
        do throws(Errno) { try file.write(buffer, at: 0) } catch { failure = error }
      }
      if let failure { throw failure }
    } catch { fatalError("write \(name): \(error)") }
  }

  package func write(_ text: String, to name: String) { write(Array(text.utf8), to: name) }

  /// Removes a tree without following links.
  package static func remove(_ path: String) {
    guard Glibc.unlink(path) != 0, let stream = opendir(path) else { return }
    var names: [[CChar]] = []
    while let entry = readdir(stream) {
      let text = withUnsafePointer(to: &entry.pointee.d_name) { field in
        field.withMemoryRebound(to: CChar.self, capacity: 1) {
          Array(UnsafeBufferPointer(start: $0, count: strlen($0)))
        }
      }
      if text == [46] || text == [46, 46] { continue }
      names.append(text)
    }
    closedir(stream)
    for name in names {
      // Bytes, not a String: names may be no UTF-8.
      let child = Array(path.utf8CString.dropLast()) + [47] + name + [0]
      removeBytes(child)
    }
    rmdir(path)
  }

  private static func removeBytes(_ path: [CChar]) {
    guard Glibc.unlink(path) != 0 else { return }
    if errno == EISDIR, let text = String(validating: path.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self) {
      remove(text)
    } else {
      rmdir(path)
    }
  }
}
