import Glibc
import Platform
import TestSupport
import Testing

@testable import ObjectStorage

/// The providers that ask over HTTP, each against a small endpoint on loopback.
@Suite("Credentials of endpoints") struct CredentialsEndpointsTests {
  let directory = TemporaryDirectory()
  static let json =
    #"{"Code":"Success","AccessKeyId":"AK","SecretAccessKey":"SK","Token":"T","Expiration":"2026-01-01T06:00:00Z"}"#

  func context(_ environment: [String: String], profile: String? = nil) -> CredentialContext {
    .test(environment, home: directory.path, profile: profile, http: CurlCredentialHTTP())
  }

  func expectKeys(_ found: Credentials?) throws {
    let found = try #require(found)
    #expect(found.accessKey == "AK" && found.secretKey == "SK" && found.sessionToken == "T")
    #expect(found.expires == WallTime(milliseconds: 1_767_225_600_000 + 6 * 3_600_000))
  }

  // MARK: Web identity

  static let xml = """
    <AssumeRoleWithWebIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><AssumeRoleWithWebIdentityResult>
      <AssumedRoleUser><Arn>arn</Arn></AssumedRoleUser>
      <Credentials><AccessKeyId>AK</AccessKeyId><SecretAccessKey>SK</SecretAccessKey><SessionToken>T</SessionToken>
      <Expiration>2026-01-01T06:00:00Z</Expiration></Credentials></AssumeRoleWithWebIdentityResult></AssumeRoleWithWebIdentityResponse>
    """

  @Test("A web identity is exchanged at STS")
  func webIdentity() throws {
    let endpoint = try CredentialsEndpoint { _ in .init(200, Self.xml) }
    directory.write("a.b-c/d+e==\n", to: "token")
    let context = context([
      "AWS_WEB_IDENTITY_TOKEN_FILE": directory.path("token"), "AWS_ROLE_ARN": "arn:aws:iam::1:role/r",
      "AWS_ROLE_SESSION_NAME": "me", "AWS_ENDPOINT_URL_STS": endpoint.url,
    ])
    try expectKeys(WebIdentityCredentials.fromEnvironment(context)?.credentials())
    let request = try #require(endpoint.requests.first)
    #expect(request.method == "POST" && request.target == "/")
    #expect(request.headers["content-type"] == "application/x-www-form-urlencoded")
    #expect(
      request.body
        == "Action=AssumeRoleWithWebIdentity&Version=2011-06-15&RoleArn=arn%3Aaws%3Aiam%3A%3A1%3Arole%2Fr&RoleSessionName=me&WebIdentityToken=a.b-c%2Fd%2Be%3D%3D"
    )
  }

  @Test("A profile can have a web identity")
  func webIdentityOfProfile() throws {
    let endpoint = try CredentialsEndpoint { _ in .init(200, Self.xml) }
    directory.write("token", to: "token")
    directory.write("[profile p]\nrole_arn = r\nweb_identity_token_file = ~/token\n", to: ".aws/config")
    let context = context(["AWS_ENDPOINT_URL_STS": endpoint.url], profile: "p")
    try expectKeys(ProfileCredentials(context: context).credentials())
    #expect(endpoint.requests.first?.body.contains("RoleSessionName=zarrfs-1767225600000") == true)
  }

  @Test(
    "STS is asked in the region",
    arguments: [
      ([:], "https://sts.amazonaws.com/"), (["AWS_REGION": "eu-west-1"], "https://sts.eu-west-1.amazonaws.com/"),
      (["AWS_DEFAULT_REGION": "cn-north-1"], "https://sts.cn-north-1.amazonaws.com.cn/"),
    ] as [([String: String], String)])
  func stsEndpoint(environment: [String: String], url: String) throws {
    directory.write("token", to: "token")
    let slot = AnswerSlot<String>()
    let http = FakeCredentialHTTP { request throws(StoreError) in
      slot.set(request.url)
      return CredentialHTTPResponse(status: 200, body: Array(Self.xml.utf8))
    }
    let context = CredentialContext.test(environment, http: http)
    _ = try WebIdentityCredentials(
      context: context, tokenFile: directory.path("token"), role: "r", session: nil, region: nil
    ).credentials()
    #expect(slot.wait() == url)
  }

  @Test("A refused web identity says the code, and not the token")
  func webIdentityRefused() throws {
    let endpoint = try CredentialsEndpoint { _ in
      .init(
        400, "<ErrorResponse><Error><Code>ExpiredTokenException</Code><Message>TOKEN</Message></Error></ErrorResponse>")
    }
    directory.write("TOKEN", to: "secret-file")
    let context = context([
      "AWS_WEB_IDENTITY_TOKEN_FILE": directory.path("secret-file"), "AWS_ROLE_ARN": "r",
      "AWS_ENDPOINT_URL_STS": endpoint.url,
    ])
    let error = failure { () throws(StoreError) in
      try WebIdentityCredentials.fromEnvironment(context)?.credentials()
    }
    #expect(error?.kind == .misconfigured && error?.status == 400)
    #expect(error?.message.contains("ExpiredTokenException") == true)
    #expect(error?.message.contains("TOKEN") == false)
    let half = failure { () throws(StoreError) in
      try WebIdentityCredentials.fromEnvironment(.test(["AWS_WEB_IDENTITY_TOKEN_FILE": "x"]))
    }
    #expect(half?.message.contains("AWS_ROLE_ARN") == true)
  }

  // MARK: Container

  @Test("A container endpoint is asked with the token of its file, read each time")
  func container() throws {
    let endpoint = try CredentialsEndpoint { _ in .init(200, Self.json) }
    directory.write("first\n", to: "token")
    let context = context([
      "AWS_CONTAINER_CREDENTIALS_FULL_URI": endpoint.url + "/v1/credentials?a=b",
      "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE": directory.path("token"),
      "AWS_CONTAINER_AUTHORIZATION_TOKEN": "not this",
      "http_proxy": "http://127.0.0.1:1",
    ])
    try expectKeys(ContainerCredentials(context: context).credentials())
    directory.write("second", to: "token")
    try expectKeys(ContainerCredentials(context: context).credentials())
    #expect(endpoint.requests.map(\.target) == ["/v1/credentials?a=b", "/v1/credentials?a=b"])
    #expect(endpoint.requests.map { $0.headers["authorization"] } == ["first", "second"])
  }

  @Test("The relative address is on the container host, and goes first")
  func containerRelative() throws {
    let slot = AnswerSlot<CredentialHTTPRequest>()
    let http = FakeCredentialHTTP { request throws(StoreError) in
      slot.set(request)
      return CredentialHTTPResponse(status: 200, body: Array(Self.json.utf8))
    }
    let context = CredentialContext.test(
      [
        "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI": "/v2/x", "AWS_CONTAINER_CREDENTIALS_FULL_URI": "https://other",
        "AWS_CONTAINER_AUTHORIZATION_TOKEN": "token",
      ], http: http)
    try expectKeys(ContainerCredentials(context: context).credentials())
    #expect(slot.wait().url == "http://169.254.170.2/v2/x")
    #expect(slot.wait().isDirect)
    #expect(slot.wait().headers.contains { $0.name == "Authorization" && $0.value == "token" })
  }

  @Test(
    "Tokens go to https, this machine and the container host only",
    arguments: [
      ("https://example.org/x", true), ("http://127.0.0.1:80/x", true), ("http://127.9.9.9", true),
      ("http://localhost:1234", true), ("http://[::1]:80/x", true), ("http://169.254.170.2/x", true),
      ("http://169.254.170.23/v1", true), ("http://[fd00:ec2::23]/v1", true), ("http://example.org", false),
      ("http://127.0.0.1@example.org/", false), ("http://127.0.0.1.example.org/", false),
      ("http://169.254.169.254/", false),
      ("http://10.0.0.1/", false), ("ftp://127.0.0.1/", false), ("http://example.org\\@127.0.0.1/", false),
      ("http://127.1/", false), ("", false),
    ])
  func trusted(url: String, isTrusted: Bool) {
    #expect(ContainerCredentials.isTrusted(url) == isTrusted)
  }

  @Test(
    "A container endpoint that fails ends the chain with its status",
    arguments: [(403, StoreError.Kind.misconfigured), (503, .unavailable)])
  func containerFails(status: Int, kind: StoreError.Kind) throws {
    let endpoint = try CredentialsEndpoint { _ in .init(status, "SECRET") }
    let error = failure { () throws(StoreError) in
      try CredentialChain.resolve(context(["AWS_CONTAINER_CREDENTIALS_FULL_URI": endpoint.url]))
    }
    #expect(error?.kind == kind && error?.status == status)
    #expect(error?.message.contains("SECRET") == false)
  }

  // MARK: Instance metadata

  @Test("The metadata service is asked by version 2: token, role, credentials")
  func instance() throws {
    let endpoint = try CredentialsEndpoint { request in
      switch (request.method, request.target) {
      case ("PUT", "/latest/api/token"):
        request.headers["x-aws-ec2-metadata-token-ttl-seconds"] == "21600" ? .init(200, "SESSION") : .init(400)
      case ("GET", _) where request.headers["x-aws-ec2-metadata-token"] != "SESSION": .init(401)
      case ("GET", "/latest/meta-data/iam/security-credentials/"): .init(200, "my-role\n")
      case ("GET", "/latest/meta-data/iam/security-credentials/my-role"): .init(200, Self.json)
      default: .init(404)
      }
    }
    let context = context(["AWS_EC2_METADATA_SERVICE_ENDPOINT": endpoint.url + "/"])
    try expectKeys(InstanceCredentials(context: context).credentials())
    #expect(endpoint.requests.count == 3)
  }

  @Test("Where there is no metadata service, no role, or it is disabled, there are no credentials")
  func noInstance() throws {
    let endpoint = try CredentialsEndpoint { $0.method == "PUT" ? .init(200, "S") : .init(404) }
    let key = "AWS_EC2_METADATA_SERVICE_ENDPOINT"
    #expect(try InstanceCredentials(context: context([key: endpoint.url])).credentials() == nil)
    #expect(endpoint.requests.count == 2)
    let disabled = context([key: endpoint.url, "AWS_EC2_METADATA_DISABLED": "True"])
    #expect(try InstanceCredentials(context: disabled).credentials() == nil)
    #expect(endpoint.requests.count == 2)
    let other = try CredentialsEndpoint { _ in .init(405) }
    #expect(try InstanceCredentials(context: context([key: other.url])).credentials() == nil)
    #expect(try InstanceCredentials(context: context([key: "http://127.0.0.1:1"])).credentials() == nil)
  }

  @Test("A metadata service that is unwell is no reason to go unsigned")
  func instanceFails() throws {
    let endpoint = try CredentialsEndpoint { $0.method == "PUT" ? .init(200, "S") : .init(500) }
    let error = failure { () throws(StoreError) in
      try InstanceCredentials(context: context(["AWS_EC2_METADATA_SERVICE_ENDPOINT": endpoint.url])).credentials()
    }
    #expect(error?.kind == .unavailable)
  }

  // MARK: HTTP

  @Test("Redirects are not followed, answers have a bound, and header lines cannot be forged")
  func http() throws {
    let other = try CredentialsEndpoint { _ in .init(200) }
    let target = other.url
    let endpoint = try CredentialsEndpoint { request in
      request.target == "/long"
        ? .init(200, String(repeating: "x", count: 300_000)) : .init(302, headers: ["Location: \(target)/"])
    }
    let http = CurlCredentialHTTP()
    #expect(try http.send(CredentialHTTPRequest("GET", endpoint.url)).status == 302)
    #expect(other.requests.isEmpty)
    let long = failure { () throws(StoreError) in try http.send(CredentialHTTPRequest("GET", endpoint.url + "/long")) }
    #expect(long?.kind == .rejected)
    var forged = CredentialHTTPRequest("GET", endpoint.url)
    forged.headers = [("Authorization", "a\r\nX-Evil: SECRET")]
    let error = failure { () throws(StoreError) in try http.send(forged) }
    #expect(error?.kind == .misconfigured)
    #expect(error?.message.contains("SECRET") == false)
    let refused = failure { () throws(StoreError) in try http.send(CredentialHTTPRequest("GET", "http://127.0.0.1:1/"))
    }
    #expect(refused?.kind == .unavailable)
    let file = failure { () throws(StoreError) in try http.send(CredentialHTTPRequest("GET", "file:///etc/passwd")) }
    #expect(file?.kind == .rejected)
  }
}
