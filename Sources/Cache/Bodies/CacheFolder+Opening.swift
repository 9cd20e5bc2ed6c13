import CLinux
import Glibc
import Platform

/// What a cache directory has to be before anything is put into it: ours alone, on a file system with holes, and held by nobody.
extension CacheFolder {
  static func makeParents(of directory: String) throws(CacheError) {
    guard !directory.isEmpty else { throw .unusable("no cache directory: give --cache-dir") }
    var made = directory.hasPrefix("/") ? "" : "."
    for part in directory.split(separator: "/") {
      made += "/" + part
      if mkdir(made, 0o700) != 0, errno != EEXIST {
        // A parent may be unwritable and there (EROFS, EACCES); opening tells.
        var status = stat()
        let code = Errno.current
        if stat(made, &status) != 0 {
          throw .unusable("the cache directory \(directory) cannot be made (\(code)): give another --cache-dir")
        }
      }
      if let reason = distrust(made) {
        throw .unusable("the cache directory \(directory) is not safe: \(reason); give another --cache-dir")
      }
    }
  }

  /// Why somebody else could put another directory into the place of this one, or of what is below it; nil: nobody can
  /// but root, us, and the owner of a directory that is not for everyone.
  private static func distrust(_ path: String) -> String? {
    var status = stat()
    guard lstat(path, &status) == 0 else { return nil }
    if status.st_mode & S_IFMT == S_IFLNK {
      return [0, geteuid()].contains(status.st_uid) ? nil : "\(path) is a symbolic link of user \(status.st_uid)"
    }
    let isForEveryone = status.st_mode & S_IWOTH != 0 && status.st_mode & S_ISVTX == 0
    return isForEveryone ? "anybody may rename what is in \(path) (`chmod o-w \(path)`)" : nil
  }

  static func openTop(_ directory: String) throws(CacheError) -> FileDescriptor {
    var path = directory
    while path.count > 1, path.hasSuffix("/") { path.removeLast() }
    let top: FileDescriptor
    do throws(Errno) {
      top = try FileDescriptor.open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW)
    } catch {
      if error == .notDirectory || error.rawValue == ELOOP {
        throw .unusable(
          "the cache directory \(directory) is a symbolic link or no directory: give the directory itself as --cache-dir"
        )
      }
      throw .unusable("the cache directory \(directory) cannot be opened (\(error)): give another --cache-dir")
    }
    guard let status = try? top.status() else {
      throw .unusable("the cache directory \(directory) cannot be read: give another --cache-dir")
    }
    guard status.st_uid == geteuid() else {
      throw .unusable(
        "the cache directory \(directory) belongs to user \(status.st_uid), not to us: give a --cache-dir of your own")
    }
    guard status.st_mode & 0o022 == 0 else {
      throw .unusable(
        "others may write into the cache directory \(directory): run `chmod go-w \(directory)`, or give another --cache-dir"
      )
    }
    return top
  }

  static func resolved(_ directory: String) -> String {
    guard let path = realpath(directory, nil) else { return directory }
    defer { free(path) }
    return String(cString: path)
  }

  static func take(_ lock: borrowing FileDescriptor) throws(CacheError) {
    guard clinux_lock_exclusive(lock.rawValue) == 0 else { throw .heldByProcess(pid: Int32(lock.firstLine()) ?? 0) }
    _ = ftruncate(lock.rawValue, 0)
    lock.overwrite("\(getpid())\n")
  }

  /// Partial bodies are sparse; where a hole takes room, the bound could not be kept.
  static func checkHoles(_ source: borrowing FileDescriptor, _ directory: String) throws(CacheError) {
    let hole: Int64 = 1 << 20
    do {
      let probe = try source.open("probe", O_RDWR | O_CREAT | O_TRUNC)
      defer { unlinkat(source.rawValue, "probe", 0) }
      try probe.truncate(to: hole)
      guard try probe.status().allocatedBytes < hole / 2 else {
        throw CacheError.unusable(
          "the file system of \(directory) has no sparse files: give a --cache-dir on ext4, xfs, btrfs or tmpfs")
      }
    } catch let error as CacheError {
      throw error
    } catch {
      throw .unusable("the cache directory \(directory) cannot be written (\(error)): give another --cache-dir")
    }
  }
}
