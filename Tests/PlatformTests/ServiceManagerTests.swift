import Glibc
import Platform
import TestSupport
import Testing

@Suite struct ServiceManagerTests {
  /// A datagram socket of that name, as the manager has one; -1 where it cannot be bound.
  private func bound(_ name: String) -> CInt {
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    let bytes = Array(name.utf8)
    withUnsafeMutableBytes(of: &address.sun_path) { path in
      path.copyBytes(from: bytes)
      if bytes[0] == UInt8(ascii: "@") { path[0] = 0 }
    }
    let listener = socket(AF_UNIX, CInt(SOCK_DGRAM.rawValue), 0)
    let length = socklen_t(MemoryLayout<sa_family_t>.size + bytes.count)
    let status = withUnsafePointer(to: &address) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { bind(listener, $0, length) }
    }
    return status == 0 ? listener : -1
  }

  @Test(arguments: [false, true]) func `the manager hears it`(_ isAbstract: Bool) throws {
    let folder = TemporaryDirectory()
    let name = isAbstract ? "@zarrfs-test-\(getpid())" : folder.path("notify")
    let listener = bound(name)
    #expect(listener >= 0)
    defer { close(listener) }
    try ServiceManager.announceReady(to: name)
    var bytes = [UInt8](repeating: 0, count: 64)
    let count = recv(listener, &bytes, bytes.count, 0)
    #expect(count == 7 && String(decoding: bytes.prefix(7), as: UTF8.self) == "READY=1")
  }

  @Test func `a name that is none is an error and no crash`() {
    #expect(throws: Errno.self) { try ServiceManager.announceReady(to: "") }
    #expect(throws: Errno.self) { try ServiceManager.announceReady(to: "/no/such/socket") }
    #expect(throws: Errno.self) { try ServiceManager.announceReady(to: String(repeating: "x", count: 200)) }
  }
}
