import Glibc
import Platform

/// Takes a mount away: umount(2) as root, fusermount3(1) as the user who mounted.
enum Unmounting {
  /// fusermount3 in the PATH, or where distributions put it.
  static var helper: String? {
    let path = getenv("PATH").map { String(cString: $0) } ?? ""
    let places = path.split(separator: ":").map(String.init) + ["/usr/bin", "/bin", "/usr/local/bin"]
    return places.map { "\($0)/fusermount3" }.first { access($0, X_OK) == 0 }
  }

  /// nil when it is gone; else the reason.
  static func unmount(_ path: String, lazily: Bool) -> String? {
    if geteuid() == 0 {
      if umount2(path, lazily ? CInt(MNT_DETACH) : 0) == 0 { return nil }
      return errno == EBUSY ? busy : "\(Errno.current)"
    }
    guard let helper else { return "fusermount3 was not found: install the package fuse3" }
    do throws(Errno) {
      let result = try ChildProcess.run([helper, lazily ? "-uz" : "-u", "--", path])
      if result.status == 0 { return nil }
      let said = result.output.split(separator: "\n").joined(separator: "; ")
      return said.contains("busy") ? busy : said
    } catch {
      return "\(helper) could not be run: \(error)"
    }
  }

  static let busy = "it is busy"
}
