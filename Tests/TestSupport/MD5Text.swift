import Cache

/// MD5 of bytes as S3's tags have it: 32 hex digits.
package func md5(_ bytes: [UInt8]) -> String {
  guard var hash = MD5() else { fatalError("no MD5") }
  bytes.withUnsafeBytes { hash.add($0) }
  guard let digest = hash.digest() else { fatalError("no MD5") }
  return digest.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
}
