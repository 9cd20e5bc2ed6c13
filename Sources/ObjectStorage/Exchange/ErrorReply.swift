/// A response with an error status, and what S3's XML says in it.
struct ErrorReply: Sendable {
  /// Of an error's body, no more is read.
  static let limit = 64 * 1024

  var head: HTTPResponseHead
  /// `NoSuchKey`, `AccessDenied` and the like.
  var code: String?
  var message: String?
  /// The region that the request should have been signed for.
  var region: String?
  /// With 416: the object's size.
  var actualSize: Int64?
  var requestID: String?

  init(head: HTTPResponseHead, body: [UInt8] = []) {
    self.head = head
    region = head["x-amz-bucket-region"]
    actualSize = head["content-range"].flatMap(ContentRange.init)?.size
    guard body.first(where: { $0 > 0x20 }) == UInt8(ascii: "<") else { return }
    var fields: [String: String] = [:]
    let xml = XMLStream { path, text in
      guard path.count == 2, path[0] == "Error" else { return }
      fields[path[1]] = String(decoding: text, as: UTF8.self)
    }
    // What stands before a fault in it is still worth having.
    _ = xml.feed(body)
    code = fields["Code"]
    message = fields["Message"]
    region = region ?? fields["Region"]
    actualSize = actualSize ?? fields["ActualObjectSize"].flatMap { Int64(decimal: $0) }
    requestID = fields["RequestId"]
  }
}
