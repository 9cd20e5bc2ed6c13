import CCurl
import Platform

/// One exchange under way. Its mutable fields belong to the transfer thread.
package final class HTTPTransfer: @unchecked Sendable, Transfer {
  let id: UInt64
  let request: HTTPRequest
  private let loop: TransferLoop

  // Transfer thread only.
  /// Gone with its end: it mostly holds, by way of who asked, this transfer.
  private var sink: (any HTTPResponseSink)?
  private var easy: UnsafeMutableRawPointer?
  private var headerList: UnsafeMutablePointer<curl_slist>?
  private var errorText: UnsafeMutablePointer<CChar>?
  private var parser: HTTPHeadParser
  private var isRefused = false
  private var isMalformed = false

  init(id: UInt64, request: HTTPRequest, sink: any HTTPResponseSink, loop: TransferLoop) {
    self.id = id
    self.request = request
    self.sink = sink
    self.loop = loop
    parser = HTTPHeadParser(followsRedirects: request.redirects > 0)
  }

  deinit {
    curl_slist_free_all(headerList)
    errorText?.deallocate()
  }

  package func cancel() { loop.cancel(self) }
  package func promote() { loop.promote(self) }

  /// Sets the handle up; the worker then adds it to the multi handle and keeps this object alive.
  func prepare(_ handle: UnsafeMutableRawPointer, _ options: TransferLoop.Options) {
    easy = handle
    let context = Unmanaged.passUnretained(self).toOpaque()
    func set(_ option: CURLoption, _ value: Int) { _ = ccurl_set_long(handle, option, value) }
    func set(_ option: CURLoption, _ value: String) { _ = ccurl_set_string(handle, option, value) }

    set(CURLOPT_URL, request.url)
    set(CURLOPT_PATH_AS_IS, 1)
    set(CURLOPT_PROTOCOLS_STR, "http,https")
    _ = ccurl_set_pointer(handle, CURLOPT_PRIVATE, context)
    set(CURLOPT_NOSIGNAL, 1)
    // Or removing a handle whose name is being resolved waits for the resolver's thread.
    set(CURLOPT_QUICK_EXIT, 1)
    set(CURLOPT_USERAGENT, options.userAgent)
    set(CURLOPT_HTTP_VERSION, Int(CURL_HTTP_VERSION_2TLS))
    set(CURLOPT_CONNECTTIMEOUT_MS, Self.milliseconds(request.connectTimeout ?? options.connectTimeout))
    set(CURLOPT_LOW_SPEED_LIMIT, options.stallRate)
    set(CURLOPT_LOW_SPEED_TIME, max(1, Int(options.stallTime.seconds.rounded(.up))))
    if let timeout = request.timeout { set(CURLOPT_TIMEOUT_MS, Self.milliseconds(timeout)) }
    set(CURLOPT_TCP_KEEPALIVE, 1)
    // Four times curl's own: fewer wake-ups a megabyte, and 64 of them are 4 MiB.
    set(CURLOPT_BUFFERSIZE, 64 * 1024)
    set(CURLOPT_SUPPRESS_CONNECT_HEADERS, 1)
    if let caBundle = options.caBundle { set(CURLOPT_CAINFO, caBundle) }
    if !options.usesProxies || !request.usesProxy { set(CURLOPT_NOPROXY, "*") }

    if request.redirects > 0 {
      set(CURLOPT_FOLLOWLOCATION, 1)
      set(CURLOPT_MAXREDIRS, request.redirects)
      // Never from TLS to plain text.
      set(CURLOPT_REDIR_PROTOCOLS_STR, request.url.lowercased().hasPrefix("https:") ? "https" : "http,https")
    }
    if let login = request.login {
      set(CURLOPT_USERNAME, login.user)
      set(CURLOPT_PASSWORD, login.password)
    }
    setMethod(handle)
    setHeaders(handle)

    let text = UnsafeMutablePointer<CChar>.allocate(capacity: Int(CURL_ERROR_SIZE))
    text.initialize(repeating: 0, count: Int(CURL_ERROR_SIZE))
    errorText = text
    _ = ccurl_set_pointer(handle, CURLOPT_ERRORBUFFER, text)
    _ = ccurl_set_function(handle, CURLOPT_HEADERFUNCTION, receiveHeader)
    _ = ccurl_set_pointer(handle, CURLOPT_HEADERDATA, context)
    _ = ccurl_set_function(handle, CURLOPT_WRITEFUNCTION, receiveBody)
    _ = ccurl_set_pointer(handle, CURLOPT_WRITEDATA, context)
  }

  private func setMethod(_ handle: UnsafeMutableRawPointer) {
    switch request.method {
    case .get: _ = ccurl_set_long(handle, CURLOPT_HTTPGET, 1)
    case .head: _ = ccurl_set_long(handle, CURLOPT_NOBODY, 1)
    case .post, .put:
      _ = ccurl_set_long(handle, CURLOPT_POST, 1)
      _ = ccurl_set_offset(handle, CURLOPT_POSTFIELDSIZE_LARGE, curl_off_t(request.body.count))
      request.body.withUnsafeBufferPointer { _ = ccurl_set_pointer(handle, CURLOPT_COPYPOSTFIELDS, $0.baseAddress) }
      if request.body.isEmpty { _ = ccurl_set_string(handle, CURLOPT_COPYPOSTFIELDS, "") }
      if request.method == .put { _ = ccurl_set_string(handle, CURLOPT_CUSTOMREQUEST, "PUT") }
    }
  }

  private func setHeaders(_ handle: UnsafeMutableRawPointer) {
    var list: UnsafeMutablePointer<curl_slist>?
    if !request.headers.contains(where: { $0.name.lowercased() == "accept-encoding" }) {
      list = curl_slist_append(list, "Accept-Encoding: identity")
    }
    list = curl_slist_append(list, "Expect:")
    for (name, value) in request.headers {
      // A listing's tag comes from outside: no control character may end the line early.
      let safe = String(decoding: value.utf8.filter { $0 >= 0x20 && $0 != 0x7F }, as: UTF8.self)
      list = curl_slist_append(list, "\(name): \(safe)")
    }
    headerList = list
    _ = ccurl_set_pointer(handle, CURLOPT_HTTPHEADER, list)
  }

  private static func milliseconds(_ interval: Interval) -> Int {
    Int(min(max(interval.milliseconds, 1), Int64(CInt.max)))
  }

  /// The handle, to be taken out of the multi handle; nil where the transfer never started.
  func release() -> UnsafeMutableRawPointer? {
    defer { easy = nil }
    return easy
  }

  /// Tells the sink, once: on the transfer thread, or on the caller's when that has ended.
  func end(_ failure: HTTPFailure?) {
    let sink = self.sink
    self.sink = nil
    sink?.end(failure)
  }

  /// What curl's verdict means, with its words.
  func failure(of code: CURLcode) -> HTTPFailure? {
    if isRefused { return HTTPFailure(.refusedBySink, "the rest of the response was not wanted") }
    if isMalformed { return HTTPFailure(.malformed, "the response's headers are not HTTP, or too large") }
    if code == CURLE_OK {
      // curl takes the end of the connection for the end of a head.
      return parser.isComplete ? nil : HTTPFailure(.broken, "the connection ended within the response's head")
    }
    return HTTPFailure(code: code, message: errorText.map { String(cString: $0) } ?? "")
  }

  fileprivate func headerLine(_ bytes: UnsafeRawBufferPointer) -> Bool {
    switch parser.line(bytes) {
    case .more: return true
    case .rejected:
      isMalformed = true
      return false
    case .complete:
      if sink?.head(parser.head) == true { return true }
      isRefused = true
      return false
    }
  }

  fileprivate func bodyBytes(_ bytes: UnsafeRawBufferPointer) -> Bool {
    guard parser.isComplete else { return true }
    if sink?.body(bytes) == true { return true }
    isRefused = true
    return false
  }
}

private func receiveHeader(
  _ bytes: UnsafeMutablePointer<CChar>?, _ size: Int, _ count: Int, _ context: UnsafeMutableRawPointer?
) -> Int {
  guard let context else { return 0 }
  let transfer = Unmanaged<HTTPTransfer>.fromOpaque(context).takeUnretainedValue()
  return transfer.headerLine(UnsafeRawBufferPointer(start: bytes, count: size * count)) ? size * count : 0
}

private func receiveBody(
  _ bytes: UnsafeMutablePointer<CChar>?, _ size: Int, _ count: Int, _ context: UnsafeMutableRawPointer?
) -> Int {
  guard let context else { return 0 }
  let transfer = Unmanaged<HTTPTransfer>.fromOpaque(context).takeUnretainedValue()
  return transfer.bodyBytes(UnsafeRawBufferPointer(start: bytes, count: size * count)) ? size * count : 0
}
