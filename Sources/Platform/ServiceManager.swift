import Glibc

/// Who started this process and waits to hear that it serves: systemd, for units of `Type=notify`.
package enum ServiceManager {
  /// Sends `READY=1` to the datagram socket that the manager named in `NOTIFY_SOCKET`: a path, or with a leading `@` an
  /// abstract name. The corresponding C function is `sd_notify`.
  package static func announceReady(to socketName: String) throws(Errno) {
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    let name = Array(socketName.utf8)
    let isFitting = withUnsafeMutableBytes(of: &address.sun_path) { path in
      guard !name.isEmpty, name.count < path.count else { return false }
      path.copyBytes(from: name)
      if name[0] == UInt8(ascii: "@") { path[0] = 0 }
      return true
    }
    guard isFitting else { throw Errno(EINVAL) }
    let descriptor = socket(AF_UNIX, CInt(SOCK_DGRAM.rawValue) | CInt(SOCK_CLOEXEC.rawValue), 0)
    guard descriptor >= 0 else { throw Errno.current }
    defer { close(descriptor) }
    let length = socklen_t(MemoryLayout<sa_family_t>.size + name.count)
    let message = Array("READY=1".utf8)
    let sent = withUnsafePointer(to: &address) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        sendto(descriptor, message, message.count, CInt(MSG_NOSIGNAL), $0, length)
      }
    }
    guard sent == message.count else { throw Errno.current }
  }
}
