import CCrypto

/// MD5 (RFC 1321), which S3 gives as the tag of an object that was put in one piece. By OpenSSL.
package struct MD5: ~Copyable {
  private let state: OpaquePointer
  private var isWell = true

  /// nil where OpenSSL has no MD5 (FIPS). The corresponding C function is `EVP_DigestInit_ex`.
  package init?() {
    guard let state = ccrypto_md5_begin() else { return nil }
    self.state = state
  }

  deinit { ccrypto_md5_free(state) }

  package mutating func add(_ bytes: UnsafeRawBufferPointer) {
    guard let base = bytes.baseAddress, isWell else { return }
    isWell = ccrypto_md5_update(state, base, bytes.count) != 0
  }

  /// 16 bytes; nil where OpenSSL failed.
  package consuming func digest() -> [UInt8]? {
    guard isWell else { return nil }
    let state = state
    var isDone = false
    let digest = [UInt8](unsafeUninitializedCapacity: 16) { buffer, count in
      guard let base = buffer.baseAddress else { return }
      isDone = ccrypto_md5_finish(state, base) != 0
      count = isDone ? 16 : 0
    }
    return isDone ? digest : nil
  }
}
