import Platform
import Testing

@testable import ObjectStorage

/// The examples of the S3 API reference ("Authenticating Requests: Using the Authorization Header"), the first case of
/// AWS's signature test suite, and what botocore 1.44.8 computes for hard keys.
@Suite struct SigV4SignerTests {
  private let published = Credentials(
    accessKey: "AKIAIOSFODNN7EXAMPLE", secretKey: "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY")
  private let publishedTime = CivilTime(year: 2013, month: 5, day: 24).wallTime

  private func signature(_ headers: [(name: String, value: String)]) -> String {
    let authorization = headers.first { $0.name == "Authorization" }?.value ?? ""
    return String(authorization.split(separator: "=").last ?? "")
  }

  @Test func `GET of a range as published`() {
    let request = SigV4Signer.Request(
      method: "GET", host: "examplebucket.s3.amazonaws.com", path: "/test.txt", headers: [("Range", "bytes=0-9")])
    let headers = SigV4Signer(region: "us-east-1").headers(for: request, with: published, at: publishedTime)
    #expect(
      headers.first { $0.name == "Authorization" }?.value
        == "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request,"
        + "SignedHeaders=host;range;x-amz-content-sha256;x-amz-date,"
        + "Signature=f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41")
    #expect(headers.first { $0.name == "x-amz-date" }?.value == "20130524T000000Z")
  }

  @Test func `PUT with a body as published`() {
    let digest = SHA256.hex(SHA256.digest(Array("Welcome to Amazon S3.".utf8)))
    let request = SigV4Signer.Request(
      method: "PUT", host: "examplebucket.s3.amazonaws.com", path: "/test%24file.text",
      headers: [("Date", "Fri, 24 May 2013 00:00:00 GMT"), ("x-amz-storage-class", "REDUCED_REDUNDANCY")],
      bodyDigest: digest)
    let headers = SigV4Signer(region: "us-east-1").headers(for: request, with: published, at: publishedTime)
    #expect(signature(headers) == "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd")
  }

  @Test(arguments: [
    (
      [(name: "lifecycle", value: "")], "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543"
    ),
    (
      [(name: "prefix", value: "J"), (name: "max-keys", value: "2")],
      "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7"
    ),
  ])
  func `queries as published`(_ query: [(name: String, value: String)], _ expected: String) {
    let request = SigV4Signer.Request(
      method: "GET", host: "examplebucket.s3.amazonaws.com", path: "/", query: query)
    let headers = SigV4Signer(region: "us-east-1").headers(for: request, with: published, at: publishedTime)
    #expect(signature(headers) == expected)
  }

  @Test func `get-vanilla of the test suite`() {
    var time = CivilTime(year: 2015, month: 8, day: 30)
    (time.hour, time.minute) = (12, 36)
    let credentials = Credentials(accessKey: "AKIDEXAMPLE", secretKey: "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY")
    let request = SigV4Signer.Request(method: "GET", host: "example.amazonaws.com", path: "/")
    let headers = SigV4Signer(region: "us-east-1", service: "service")
      .headers(for: request, with: credentials, at: time.wallTime)
    #expect(signature(headers) == "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31")
  }

  private func botocore(
    key: String?, token: String? = nil, query: [(name: String, value: String)] = [],
    headers: [(name: String, value: String)] = []
  ) throws -> String {
    var time = CivilTime(year: 2026, month: 1, day: 2)
    (time.hour, time.minute, time.second) = (3, 4, 5)
    let credentials = Credentials(
      accessKey: "AKIDEXAMPLE", secretKey: "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", sessionToken: token)
    let address = try S3Address(bucket: "bucket", endpoint: "https://s3.example.com:9000", style: .automatic)
    let target = address.target(key: key.map { Array($0.utf8) }, region: "eu-west-1")
    let request = SigV4Signer.Request(
      method: "GET", host: target.host, path: target.path, query: query, headers: headers)
    return signature(SigV4Signer(region: "eu-west-1").headers(for: request, with: credentials, at: time.wallTime))
  }

  @Test(arguments: [
    ("a b/c d", "c4d0e6afdcdb183e1ce467596664c0bf754409353e96297fce79b182cabca3d2"),
    (
      "plus+equals=at@colon:comma,tilde~percent%25%zz",
      "5e6c01399926f56ef8b8cee1890cdd3dfe2f49b25177b678fb367082783f6077"
    ),
    ("grüße/日本語/😀", "49899f50db2ea34c2a0f7d13dc09e8bce556155d791e4907c137c4b0d1b73393"),
    (
      String(repeating: "x", count: 450) + "/" + String(repeating: "y+z ", count: 112),
      "fb342728661190447739fec2c86ede2f39c6ae73428d21d5686e9f84e1c6ae97"
    ),
    ("dots/../up/./here//double", "0a894ed4aaa1680713520ee2ee23cb69768fa0f8acca0993a9f67ef462fca4ad"),
    ("!'()*&$;?#[]\\\"<>", "93cf2ffef51c013dc92277d5f0c145a6ad16601259cf629a7112263ef17e6bca"),
  ])
  func `hard keys as botocore signs them`(_ key: String, _ expected: String) throws {
    #expect(try botocore(key: key) == expected)
  }

  @Test func `a session token as botocore signs it`() throws {
    let signature = try botocore(key: "plain", token: "IQoJb3//tok+en==")
    #expect(signature == "9a78fa5636e448b0eb6ba964c8944bfd3c110ca92cdf8cd13bb68b4484d54cff")
  }

  @Test func `a listing as botocore signs it`() throws {
    let signature = try botocore(
      key: nil,
      query: [
        ("prefix", "a b/+=@:,~%ü"), ("list-type", "2"), ("delimiter", "/"), ("continuation-token", "1/x+y=="),
        ("encoding-type", "url"), ("max-keys", "1000"),
      ])
    #expect(signature == "8a814ee43dd29495ac64a6b7ec4f6fdebf7c192f972dc5027004a48ce9acd46f")
  }

  @Test func `range and requester pays as botocore signs them`() throws {
    let signature = try botocore(key: "k", headers: [("Range", "bytes=0-9"), ("x-amz-request-payer", "requester")])
    #expect(signature == "7a26e81ecf4dcf787fab6ed48218f95be70f6259f340229492919b9eb087076b")
  }

  @Test func `digests of FIPS 180-4 and RFC 4231`() {
    #expect(SHA256.hex(SHA256.digest([])) == SigV4Signer.emptyDigest)
    #expect(
      SHA256.hex(SHA256.digest(Array("abc".utf8)))
        == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")
    #expect(
      SHA256.hex(SHA256.digest(Array("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq".utf8)))
        == "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1")
    #expect(
      SHA256.hex(
        SHA256.authenticate(
          Array("Test Using Larger Than Block-Size Key - Hash Key First".utf8),
          key: [UInt8](repeating: 0xAA, count: 131)))
        == "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54")
  }
}
