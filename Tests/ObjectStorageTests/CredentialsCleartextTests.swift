import Testing

@testable import ObjectStorage

/// Credentials cross no network in the clear.
@Suite("CleartextCheck") struct CredentialsCleartextTests {
  @Test(
    "what stays on this machine, or is encrypted, passes",
    arguments: [
      "http://localhost:9000", "http://LOCALHOST", "http://s3.localhost", "http://127.0.0.1:80", "http://127.9.9.9/x",
      "http://[::1]:9000", "https://minio.example:9000", "https://10.0.0.1",
    ])
  func passes(url: String) throws { try CleartextCheck.check(url) }

  @Test(
    "what does not says what to do",
    arguments: [
      "http://minio:9000", "http://10.0.0.1", "http://128.0.0.1", "http://localhost.example.org",
      "http://127.0.0.1.nip.io",
      "http://[::2]", "http://[::ffff:10.0.0.1]", "http://notlocalhost", "HTTP://minio",
    ])
  func refuses(url: String) {
    do throws(StoreError) {
      try CleartextCheck.check(url)
      Issue.record("\(url) passed")
    } catch {
      #expect(error.kind == .misconfigured)
      #expect(error.message.contains("--allow-insecure-auth"))
    }
  }
}
