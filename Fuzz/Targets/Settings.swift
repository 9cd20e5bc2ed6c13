@testable import ObjectStorage

/// What users and their programs write: config files, the JSON of credentials, sources. A source's text is a source again.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzz(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
  let bytes = Array(UnsafeBufferPointer(start: start, count: count))
  for section in AWSConfigFile(bytes).sections.values {
    for name in section.keys { precondition(name == name.lowercased()) }
  }
  if let document = try? CredentialDocument(bytes, from: "fuzz"), let found = try? document.credentials(from: "fuzz") {
    precondition(!found.accessKey.isEmpty && !found.secretKey.isEmpty)
  }
  let text = String(decoding: bytes, as: UTF8.self)
  do throws(StoreError) {
    let source = try SourceURL(text)
    let shown = source.description
    let again = try SourceURL(shown)
    precondition(again.description == shown)
    if case .http(let base) = source, case .http(let other) = again {
      precondition(base.authority == other.authority && base.path == other.path && other.password == nil)
    }
  } catch {
    precondition(error.kind == .misconfigured)
  }
  try? CleartextCheck.check(text)
  return 0
}
