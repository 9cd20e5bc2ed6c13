import Objects

@testable import ObjectStorage

/// A page in one piece and in many says the same; what it says lies below what was asked; a page that goes on does not
/// go on where it was.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzz(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
  let bytes = Array(UnsafeBufferPointer(start: start, count: count))
  for question in [
    ListingParser.Question(
      mount: ObjectKey(bytes: Array("p/".utf8)), prefix: ObjectKey(bytes: Array("a/".utf8)), delimited: true,
      continuation: nil),
    ListingParser.Question(
      mount: ObjectKey(bytes: []), prefix: ObjectKey(bytes: []), delimited: false, continuation: "next"),
  ] {
    let whole = page(bytes, question, piece: max(1, bytes.count))
    let pieces = page(bytes, question, piece: 7)
    precondition(whole?.objects == pieces?.objects && whole?.prefixes == pieces?.prefixes)
    guard let whole else { continue }
    precondition(whole.continuation == nil || whole.continuation != question.continuation)
    for key in whole.objects.map(\.key) + whole.prefixes {
      precondition(key.bytes.starts(with: question.prefix.bytes) && !key.bytes.isEmpty)
    }
    for key in whole.prefixes { precondition(key.isDirectory) }
  }
  return 0
}

private func page(_ bytes: [UInt8], _ question: ListingParser.Question, piece: Int) -> ListPage? {
  let parser = ListingParser(question)
  do throws(ListingParser.Failure) {
    var rest = bytes[...]
    while !rest.isEmpty {
      let part = Array(rest.prefix(piece))
      rest = rest.dropFirst(piece)
      var failure: ListingParser.Failure?
      part.withUnsafeBytes { buffer in
        do throws(ListingParser.Failure) { try parser.feed(buffer) } catch { failure = error }
      }
      if let failure { throw failure }
    }
    return try parser.finish()
  } catch {
    return nil
  }
}
