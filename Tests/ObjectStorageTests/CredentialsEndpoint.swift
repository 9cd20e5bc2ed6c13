import Glibc
import Platform

/// A small HTTP server on loopback that answers as a test says, one connection after the other.
final class CredentialsEndpoint: Sendable {
  struct Request: Sendable {
    var method = ""
    var target = ""
    /// Names in lower case.
    var headers: [String: String] = [:]
    var body = ""
  }

  struct Answer: Sendable {
    var status = 200
    var headers: [String] = []
    var body = ""

    init(_ status: Int = 200, _ body: String = "", headers: [String] = []) {
      self.status = status
      self.body = body
      self.headers = headers
    }
  }

  let port: UInt16
  var url: String { "http://127.0.0.1:\(port)" }
  var requests: [Request] { seen.withLock { $0 } }

  private let listener: CInt
  private let seen = Monitor<[Request]>([])
  private let thread: Thread

  init(_ answer: @escaping @Sendable (Request) -> Answer) throws {
    let listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | O_CLOEXEC, 0)
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
    var length = socklen_t(MemoryLayout<sockaddr_in>.size)
    let port = withUnsafeMutablePointer(to: &address) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { address -> UInt16? in
        guard bind(listener, address, length) == 0, listen(listener, 16) == 0,
          getsockname(listener, address, &length) == 0
        else { return nil }
        return UInt16(bigEndian: pointer.pointee.sin_port)
      }
    }
    guard let port else { throw Errno.current }
    self.port = port
    self.listener = listener
    let seen = self.seen
    thread = try Thread.start("endpoint") {
      while true {
        let connection = accept(listener, nil, nil)
        if connection < 0 { return }
        if let request = Self.receive(connection) {
          seen.withLock { $0.append(request) }
          Self.send(answer(request), connection)
        }
        // A child that another test started may hold a copy: closing ours would not end the connection.
        shutdown(connection, Int32(SHUT_RDWR))
        close(connection)
      }
    }
  }

  deinit {
    shutdown(listener, Int32(SHUT_RDWR))
    thread.join()
    close(listener)
  }

  private static func receive(_ connection: CInt) -> Request? {
    var bytes: [UInt8] = []
    var piece = [UInt8](repeating: 0, count: 4096)
    var request = Request()
    var headerEnd: Int?
    while true {
      if headerEnd == nil, let end = bytes.indices.first(where: { bytes[$0...].starts(with: "\r\n\r\n".utf8) }) {
        headerEnd = end + 4
        let lines = String(decoding: bytes[..<end], as: UTF8.self).split(separator: "\r\n")
        let first = lines[0].split(separator: " ")
        request.method = String(first[0])
        request.target = String(first[1])
        for line in lines.dropFirst() {
          guard let colon = line.firstIndex(of: ":") else { continue }
          let value = line[line.index(after: colon)...].drop { $0 == " " }
          request.headers[line[..<colon].lowercased()] = String(value)
        }
      }
      if let headerEnd, bytes.count - headerEnd >= Int(request.headers["content-length"] ?? "0") ?? 0 {
        request.body = String(decoding: bytes[headerEnd...], as: UTF8.self)
        return request
      }
      let count = recv(connection, &piece, piece.count, 0)
      if count <= 0 { return nil }
      bytes += piece[..<count]
    }
  }

  private static func send(_ answer: Answer, _ connection: CInt) {
    let head = ["HTTP/1.1 \(answer.status) X", "Content-Length: \(answer.body.utf8.count)", "Connection: close"]
    let text = (head + answer.headers).joined(separator: "\r\n") + "\r\n\r\n" + answer.body
    var rest = ArraySlice(text.utf8)
    while !rest.isEmpty {
      let count = rest.withUnsafeBytes {
        Glibc.send(connection, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
      }
      if count <= 0 { return }
      rest = rest.dropFirst(count)
    }
  }
}
