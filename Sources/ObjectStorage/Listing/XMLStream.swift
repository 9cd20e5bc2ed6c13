import CExpat

/// XML as it arrives, for small flat documents: tells each element's end with its path and its text.
///
/// A document type, an entity of its own, deep nesting and long texts are refused: the XML comes from a stranger.
/// The corresponding C library is expat.
final class XMLStream {
  static let depthLimit = 16
  /// The longest text is a key: 1,024 bytes, each encoded in three.
  static let textLimit = 16 * 1024

  enum Failure: Error, Equatable {
    /// The document ended early.
    case incomplete
    /// Not XML, or refused.
    case malformed
  }

  private let parser: XML_Parser
  private let ended: ([String], [UInt8]) -> Void
  private var path: [String] = []
  private var text: [UInt8] = []
  private var isRefused = false

  init(ended: @escaping ([String], [UInt8]) -> Void) {
    guard let parser = XML_ParserCreate(nil) else { fatalError("out of memory") }
    self.parser = parser
    self.ended = ended
    XML_SetUserData(parser, Unmanaged.passUnretained(self).toOpaque())
    XML_SetElementHandler(parser, elementStarted, elementEnded)
    XML_SetCharacterDataHandler(parser, textFound)
    XML_SetStartDoctypeDeclHandler(parser, doctypeStarted)
    XML_SetEntityDeclHandler(parser, entityDeclared)
  }

  deinit { XML_ParserFree(parser) }

  /// The next bytes; nil when they were taken.
  func feed(_ bytes: UnsafeRawBufferPointer) -> Failure? { parse(bytes, isLast: false) }

  func feed(_ bytes: [UInt8]) -> Failure? { bytes.withUnsafeBytes { feed($0) } }

  /// The end of the document.
  func finish() -> Failure? { parse(UnsafeRawBufferPointer(start: nil, count: 0), isLast: true) }

  private func parse(_ bytes: UnsafeRawBufferPointer, isLast: Bool) -> Failure? {
    guard !isRefused else { return .malformed }
    let status = XML_Parse(parser, bytes.bindMemory(to: CChar.self).baseAddress, CInt(bytes.count), isLast ? 1 : 0)
    if status == XML_STATUS_OK { return nil }
    switch XML_GetErrorCode(parser) {
    case XML_ERROR_NO_ELEMENTS, XML_ERROR_UNCLOSED_TOKEN, XML_ERROR_PARTIAL_CHAR:
      return isLast ? .incomplete : .malformed
    default: return .malformed
    }
  }

  private func refuse() {
    isRefused = true
    XML_StopParser(parser, 0)
  }

  fileprivate func start(_ name: String) {
    guard path.count < Self.depthLimit else { return refuse() }
    path.append(name)
    text.removeAll(keepingCapacity: true)
  }

  fileprivate func append(_ bytes: UnsafeRawBufferPointer) {
    guard text.count + bytes.count <= Self.textLimit else { return refuse() }
    text += bytes
  }

  fileprivate func end() {
    if isRefused { return }
    ended(path, text)
    path.removeLast()
    text.removeAll(keepingCapacity: true)
  }

  fileprivate func forbidden() { refuse() }
}

private func stream(_ context: UnsafeMutableRawPointer?) -> XMLStream? {
  context.map { Unmanaged<XMLStream>.fromOpaque($0).takeUnretainedValue() }
}

private func elementStarted(
  _ context: UnsafeMutableRawPointer?, _ name: UnsafePointer<CChar>?,
  _ attributes: UnsafeMutablePointer<UnsafePointer<CChar>?>?
) {
  guard let name else { return }
  stream(context)?.start(String(cString: name))
}

private func elementEnded(_ context: UnsafeMutableRawPointer?, _ name: UnsafePointer<CChar>?) { stream(context)?.end() }

private func textFound(_ context: UnsafeMutableRawPointer?, _ bytes: UnsafePointer<CChar>?, _ count: CInt) {
  stream(context)?.append(UnsafeRawBufferPointer(start: bytes, count: Int(count)))
}

private func doctypeStarted(
  _ context: UnsafeMutableRawPointer?, _: UnsafePointer<CChar>?, _: UnsafePointer<CChar>?, _: UnsafePointer<CChar>?,
  _: CInt
) { stream(context)?.forbidden() }

private func entityDeclared(
  _ context: UnsafeMutableRawPointer?, _: UnsafePointer<CChar>?, _: CInt, _: UnsafePointer<CChar>?, _: CInt,
  _: UnsafePointer<CChar>?, _: UnsafePointer<CChar>?, _: UnsafePointer<CChar>?, _: UnsafePointer<CChar>?
) { stream(context)?.forbidden() }
