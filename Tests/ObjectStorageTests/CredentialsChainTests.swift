import Platform
import TestSupport
import Testing

@testable import ObjectStorage

/// The order of the providers, and one fetch for many.
@Suite("CredentialChain") struct CredentialsChainTests {
  let home = TemporaryDirectory()

  @Test("The first that is set up decides, in the AWS order")
  func order() throws {
    let sts = try CredentialsEndpoint { _ in
      .init(200, CredentialsEndpointsTests.xml.split(separator: "AK").joined(separator: "WEB"))
    }
    let others = try CredentialsEndpoint { request in
      switch request.target {
      case "/container": .init(200, #"{"AccessKeyId":"CONTAINER","SecretAccessKey":"S"}"#)
      case "/latest/api/token": .init(200, "S")
      case "/latest/meta-data/iam/security-credentials/": .init(200, "r")
      default: .init(200, #"{"Code":"Success","AccessKeyId":"INSTANCE","SecretAccessKey":"S"}"#)
      }
    }
    home.write("t", to: "token")
    home.write("[default]\naws_access_key_id=PROFILE\naws_secret_access_key=S\n", to: ".aws/credentials")
    var environment = [
      "AWS_ACCESS_KEY_ID": "ENVIRONMENT", "AWS_SECRET_ACCESS_KEY": "S",
      "AWS_WEB_IDENTITY_TOKEN_FILE": home.path("token"), "AWS_ROLE_ARN": "r", "AWS_ENDPOINT_URL_STS": sts.url,
      "AWS_CONTAINER_CREDENTIALS_FULL_URI": others.url + "/container",
      "AWS_EC2_METADATA_SERVICE_ENDPOINT": others.url,
    ]
    func key(profile: String? = nil) throws -> String {
      let context = CredentialContext.test(
        environment, home: home.path, profile: profile, http: CurlCredentialHTTP())
      return try CredentialChain.resolve(context).accessKey
    }
    #expect(try key() == "ENVIRONMENT")
    #expect(try key(profile: "default") == "PROFILE")
    environment["AWS_ACCESS_KEY_ID"] = nil
    #expect(try key() == "PROFILE")
    home.write("", to: ".aws/credentials")
    #expect(try key() == "WEB")
    environment["AWS_WEB_IDENTITY_TOKEN_FILE"] = nil
    #expect(try key() == "CONTAINER")
    environment["AWS_CONTAINER_CREDENTIALS_FULL_URI"] = nil
    #expect(try key() == "INSTANCE")
    environment["AWS_EC2_METADATA_DISABLED"] = "true"
    let error = failure { () throws(StoreError) in
      try CredentialChain.resolve(.test(environment, home: home.path))
    }
    #expect(error?.kind == .misconfigured)
    #expect(error?.message.contains("--no-sign-request") == true)
  }

  @Test("Many threads ask, one fetch answers; it is made anew before the end, and after a refusal")
  func fetches() throws {
    let time = ManualTimeSource()
    let count = Monitor(0)
    let gate = Monitor(false)
    let http = FakeCredentialHTTP { _ throws(StoreError) in
      let number = count.withLockNotifying { count in
        count += 1
        return count
      }
      gate.expect("the gate") { $0 ? true : nil }
      let json = #"{"AccessKeyId":"K\#(number)","SecretAccessKey":"S","Expiration":"2026-01-01T0\#(number):00:00Z"}"#
      return CredentialHTTPResponse(status: 200, body: Array(json.utf8))
    }
    let chain = CredentialChain(
      CredentialContext(
        environment: ["AWS_CONTAINER_CREDENTIALS_RELATIVE_URI": "/x"], home: nil, http: http, time: time))
    let slots = (0..<8).map { _ in AnswerSlot<Result<Credentials?, StoreError>>() }
    for slot in slots { chain.credentials(slot.fill) }
    count.expect("the fetch") { $0 == 1 ? true : nil }
    #expect(slots.allSatisfy { $0.value == nil })
    gate.withLockNotifying { $0 = true }
    for slot in slots { #expect(try slot.wait().get()?.accessKey == "K1") }
    #expect(slots.allSatisfy { $0.count == 1 })

    // Kept: answered on this stack.
    let kept = AnswerSlot<Result<Credentials?, StoreError>>()
    chain.credentials(kept.fill)
    #expect(try kept.value?.get()?.accessKey == "K1")

    // Four minutes before the end: the old one now, the new one soon.
    time.advance(by: .seconds(56 * 60))
    let old = AnswerSlot<Result<Credentials?, StoreError>>()
    chain.credentials(old.fill)
    #expect(try old.value?.get()?.accessKey == "K1")
    count.expect("the second fetch") { $0 == 2 ? true : nil }

    // Refused: the next waits for a fetch, the second's or a third.
    time.advance(by: .seconds(60))
    chain.invalidate()
    let fresh = AnswerSlot<Result<Credentials?, StoreError>>()
    chain.credentials(fresh.fill)
    let key = try fresh.wait().get()?.accessKey
    #expect(key == "K2" || key == "K3")
  }

  @Test("A failure reaches each who waits, and is given until the pause is over")
  func failures() throws {
    let time = ManualTimeSource()
    let chain = CredentialChain(
      CredentialContext(
        environment: ["AWS_EC2_METADATA_DISABLED": "true"], home: nil, http: FakeCredentialHTTP(), time: time))
    let first = AnswerSlot<Result<Credentials?, StoreError>>()
    chain.credentials(first.fill)
    guard case .failure(let error) = first.wait() else {
      Issue.record("credentials from nowhere")
      return
    }
    #expect(error.kind == .misconfigured)
    let second = AnswerSlot<Result<Credentials?, StoreError>>()
    chain.credentials(second.fill)
    #expect(second.value != nil)
  }

  @Test("Fixed credentials are given at once")
  func fixed() throws {
    let slot = AnswerSlot<Result<Credentials?, StoreError>>()
    FixedCredentials(nil).credentials(slot.fill)
    #expect(try slot.wait().get() == nil)
  }
}
