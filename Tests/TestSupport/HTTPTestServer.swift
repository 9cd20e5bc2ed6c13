import Glibc
import Platform

/// A small HTTP/1.1 server on loopback whose answers, and faults, a closure decides. One thread a connection.
package final class HTTPTestServer: Sendable {
  package struct Request: Sendable {
    package var method: String
    /// As sent: encoded path and query.
    package var target: String
    package var headers: [(name: String, value: String)]
    package var body: [UInt8]

    /// The first header of this name, whatever its case.
    package subscript(header name: String) -> String? {
      headers.first { $0.name.lowercased() == name.lowercased() }?.value
    }

    package var path: String { String(target.prefix { $0 != "?" }) }
    /// Without the `?`; empty where there is none.
    package var query: String { String(target.drop { $0 != "?" }.dropFirst()) }
  }

  /// What happens to the body, after the head was sent (or instead of it).
  package enum Fault: Sendable {
    /// The connection is closed before a byte of the response.
    case closeAtOnce
    /// The status line and no more, then the connection is closed.
    case closeInHead
    /// So many bytes of the body, then the connection is closed.
    case truncate(after: Int)
    /// So many bytes of the body, then nothing until the server stops or the client closes.
    case stall(after: Int)
  }

  package struct Response: Sendable {
    package var status: Int
    package var headers: [(name: String, value: String)]
    package var body: [UInt8]
    package var fault: Fault?
    /// Instead of the body's length in Content-Length; -1: no such header, and the connection closes at the end.
    package var declaredLength: Int?
    /// Runs before the response is sent, on the connection's thread; may wait.
    package var beforeSending: (@Sendable () -> Void)?

    package init(
      _ status: Int = 200, headers: [(name: String, value: String)] = [], body: [UInt8] = [], fault: Fault? = nil,
      declaredLength: Int? = nil
    ) {
      self.status = status
      self.headers = headers
      self.body = body
      self.fault = fault
      self.declaredLength = declaredLength
    }

    package init(_ status: Int = 200, headers: [(name: String, value: String)] = [], text: String) {
      self.init(status, headers: headers, body: Array(text.utf8))
    }

    /// `content` by the request's Range and If-Match, as a good server answers: 200, 206, 412 or 416.
    package static func object(
      _ content: [UInt8], tag: String = "\"one\"", modified: String = "Sun, 06 Nov 1994 08:49:37 GMT",
      for request: Request
    ) -> Response {
      var headers = [("ETag", tag), ("Last-Modified", modified), ("Accept-Ranges", "bytes")]
      if let wanted = request[header: "If-Match"], wanted != tag { return Response(412) }
      guard let range = request[header: "Range"], range.hasPrefix("bytes="), request.method == "GET" else {
        return Response(200, headers: headers, body: content)
      }
      let bounds = range.dropFirst(6).split(separator: "-", omittingEmptySubsequences: false).map { Int($0) }
      let first = bounds[0] ?? max(0, content.count - (bounds[1] ?? 0))
      let last = bounds[0] == nil ? content.count - 1 : min(bounds[1] ?? Int.max, content.count - 1)
      guard first < content.count, first <= last else {
        return Response(416, headers: [("Content-Range", "bytes */\(content.count)")])
      }
      headers.append(("Content-Range", "bytes \(first)-\(last)/\(content.count)"))
      return Response(206, headers: headers, body: Array(content[first...last]))
    }
  }

  package typealias Handler = @Sendable (Request) -> Response

  private struct State {
    var requests: [Request] = []
    var connections: Set<CInt> = []
    var accepted = 0
    var threads: [Thread] = []
    var isStopped = false
  }

  package let port: UInt16
  private let listener: CInt
  private let handler: Handler
  private let state = Monitor(State())

  package init(_ handler: @escaping Handler) throws {
    self.handler = handler
    let listener = socket(AF_INET, CInt(SOCK_STREAM.rawValue) | CInt(SOCK_CLOEXEC.rawValue), 0)
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_addr.s_addr = UInt32(INADDR_LOOPBACK).bigEndian
    var length = socklen_t(MemoryLayout<sockaddr_in>.size)
    let status = withUnsafeMutablePointer(to: &address) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { generic in
        bind(listener, generic, length) == 0 && listen(listener, 128) == 0
          && getsockname(listener, generic, &length) == 0
      }
    }
    guard status else { throw Errno.current }
    self.listener = listener
    port = UInt16(bigEndian: address.sin_port)
    let thread = try Thread.start("test-http") { [self] in acceptAll() }
    state.withLock { $0.threads.append(thread) }
  }

  /// `http://127.0.0.1:PORT`
  package var url: String { "http://127.0.0.1:\(port)" }
  package var requests: [Request] { state.withLock { $0.requests } }
  /// Connections accepted so far.
  package var connectionCount: Int { state.withLock { $0.accepted } }

  /// Waits until so many requests have come.
  package func waitForRequests(_ count: Int) { state.wait { $0.requests.count >= count ? () : nil } }

  /// Closes every connection and waits for the threads. Call once, at the test's end.
  package func stop() {
    state.withLockNotifying { state in
      state.isStopped = true
      for connection in state.connections { shutdown(connection, CInt(SHUT_RDWR)) }
    }
    shutdown(listener, CInt(SHUT_RDWR))
    while let thread = state.withLock({ $0.threads.popLast() }) { thread.join() }
    close(listener)
  }

  private func acceptAll() {
    while true {
      let connection = accept(listener, nil, nil)
      if connection < 0 {
        if state.withLock({ $0.isStopped }) { return }
        continue
      }
      var on: CInt = 1
      setsockopt(connection, CInt(IPPROTO_TCP), TCP_NODELAY, &on, socklen_t(MemoryLayout<CInt>.size))
      let isStopped = state.withLock { state in
        state.connections.insert(connection)
        state.accepted += 1
        return state.isStopped
      }
      if !isStopped, let thread = try? Thread.start("test-http-conn", { [self] in serve(connection) }) {
        state.withLock { $0.threads.append(thread) }
      } else {
        end(connection)
        if isStopped { return }
      }
    }
  }

  private func end(_ connection: CInt) {
    // In the lock, so that `stop` never shuts down the number's next owner.
    state.withLock { state in
      state.connections.remove(connection)
      // A child that another test started may hold a copy: closing ours would not end the connection.
      shutdown(connection, CInt(SHUT_RDWR))
      close(connection)
    }
  }

  private func serve(_ connection: CInt) {
    defer { end(connection) }
    var buffer: [UInt8] = []
    while let request = read(connection, &buffer) {
      state.withLockNotifying { $0.requests.append(request) }
      let response = handler(request)
      response.beforeSending?()
      guard send(response, to: request, on: connection) else { return }
    }
  }

  /// The next request; nil when the client closed, or sent what is none.
  private func read(_ connection: CInt, _ buffer: inout [UInt8]) -> Request? {
    let end = Array("\r\n\r\n".utf8)
    var bodyStart: Int?
    while true {
      bodyStart = buffer.indices.first { buffer[$0...].starts(with: end) }.map { $0 + 4 }
      if bodyStart != nil { break }
      guard receive(connection, &buffer) else { return nil }
    }
    guard let bodyStart else { return nil }
    let lines = String(decoding: buffer[..<(bodyStart - 4)], as: UTF8.self).split(separator: "\r\n").map(String.init)
    let words = (lines.first ?? "").split(separator: " ").map(String.init)
    guard words.count == 3 else { return nil }
    var request = Request(method: words[0], target: words[1], headers: [], body: [])
    for line in lines.dropFirst() {
      let name = line.prefix { $0 != ":" }
      let value = line.dropFirst(name.count + 1).drop { $0 == " " }
      request.headers.append((String(name), String(value)))
    }
    let length = request[header: "Content-Length"].flatMap { Int($0) } ?? 0
    while buffer.count < bodyStart + length {
      guard receive(connection, &buffer) else { return nil }
    }
    request.body = Array(buffer[bodyStart..<(bodyStart + length)])
    buffer.removeFirst(bodyStart + length)
    return request
  }

  private func receive(_ connection: CInt, _ buffer: inout [UInt8]) -> Bool {
    var chunk = [UInt8](repeating: 0, count: 64 * 1024)
    let count = recv(connection, &chunk, chunk.count, 0)
    guard count > 0 else { return false }
    buffer += chunk[..<count]
    return true
  }

  /// Whether the connection goes on.
  private func send(_ response: Response, to request: Request, on connection: CInt) -> Bool {
    if case .closeAtOnce = response.fault { return false }
    var head = "HTTP/1.1 \(response.status) Test\r\n"
    if case .closeInHead = response.fault {
      _ = write(Array(head.utf8), to: connection)
      return false
    }
    for (name, value) in response.headers { head += "\(name): \(value)\r\n" }
    let length = response.declaredLength ?? response.body.count
    head += length < 0 ? "Connection: close\r\n" : "Content-Length: \(length)\r\n"
    guard write(Array((head + "\r\n").utf8), to: connection) else { return false }
    if request.method == "HEAD" { return length >= 0 }
    switch response.fault {
    case .closeAtOnce, .closeInHead: return false
    case .truncate(let count):
      _ = write(Array(response.body.prefix(count)), to: connection)
      return false
    case .stall(let count):
      guard write(Array(response.body.prefix(count)), to: connection) else { return false }
      // Until the client, or `stop`, closes.
      var byte: UInt8 = 0
      while recv(connection, &byte, 1, 0) > 0 {}
      return false
    case nil: return write(response.body, to: connection) && length == response.body.count
    }
  }

  private func write(_ bytes: [UInt8], to connection: CInt) -> Bool {
    var done = 0
    while done < bytes.count {
      let count = bytes.withUnsafeBytes {
        Glibc.send(connection, $0.baseAddress! + done, bytes.count - done, CInt(MSG_NOSIGNAL))
      }
      guard count > 0 else { return false }
      done += count
    }
    return true
  }
}
