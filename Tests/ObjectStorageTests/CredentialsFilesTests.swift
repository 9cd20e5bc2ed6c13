import Glibc
import Platform
import TestSupport
import Testing

@testable import ObjectStorage

/// An HTTP that a provider must not use, or that answers as told.
struct FakeCredentialHTTP: CredentialHTTP {
  var answer: @Sendable (CredentialHTTPRequest) throws(StoreError) -> CredentialHTTPResponse = {
    (request) throws(StoreError) in throw StoreError(.unavailable, "nobody at \(request.url)")
  }
  func send(_ request: CredentialHTTPRequest) throws(StoreError) -> CredentialHTTPResponse { try answer(request) }
}

extension CredentialContext {
  /// Of a test: nothing from outside gets in, and no metadata service is asked.
  static func test(
    _ environment: [String: String] = [:], home: String? = nil, profile: String? = nil,
    http: any CredentialHTTP = FakeCredentialHTTP()
  ) -> CredentialContext {
    CredentialContext(environment: environment, home: home, profile: profile, http: http, time: ManualTimeSource())
  }
}

/// What a failing call threw.
func failure<Value>(of body: () throws(StoreError) -> Value) -> StoreError? {
  do throws(StoreError) {
    _ = try body()
    return nil
  } catch { return error }
}

/// Environment and shared files.
@Suite("Credentials of files") struct CredentialsFilesTests {
  let home = TemporaryDirectory()

  func context(_ environment: [String: String] = [:], profile: String? = nil) -> CredentialContext {
    .test(environment, home: home.path, profile: profile)
  }

  @Test("The environment gives keys, token and expiry; empty is not set; half is an error")
  func environment() throws {
    let full = CredentialContext.test([
      "AWS_ACCESS_KEY_ID": "AK", "AWS_SECRET_ACCESS_KEY": "SK", "AWS_SESSION_TOKEN": "T",
      "AWS_CREDENTIAL_EXPIRATION": "2026-01-01T00:00:00Z",
    ])
    let found = try #require(try EnvironmentCredentials(context: full).credentials())
    #expect(found.accessKey == "AK" && found.secretKey == "SK" && found.sessionToken == "T")
    #expect(found.expires == WallTime(milliseconds: 1_767_225_600_000))
    #expect(try EnvironmentCredentials(context: .test()).credentials() == nil)
    #expect(try EnvironmentCredentials(context: .test(["AWS_ACCESS_KEY_ID": ""])).credentials() == nil)
    let half = failure { () throws(StoreError) in
      try EnvironmentCredentials(context: .test(["AWS_ACCESS_KEY_ID": "AK"])).credentials()
    }
    #expect(half?.kind == .misconfigured)
  }

  @Test("The INI parser reads what the AWS command line reads")
  func parser() {
    let file = AWSConfigFile(
      Array(
        """
        \u{FEFF}; a comment
        stray = ignored
        [default]
        AWS_Access_Key_Id=AK
        aws_secret_access_key =  s/e+c=r # et
        # a comment
        s3 =
            max_concurrent_requests = 20
        region = eu-west-1\r
        [ profile  "two words" ]
        region=us-east-2
        [profile a]
        region = one
        [profile a]
        output = json
        region = two
        no value here
        [broken
        region = lost
        [sso-session x]
        sso_region = y
        """.utf8))
    #expect(
      file.sections["default"] == [
        "aws_access_key_id": "AK", "aws_secret_access_key": "s/e+c=r # et", "s3": "", "region": "eu-west-1",
      ])
    #expect(file.sections["profile two words"] == ["region": "us-east-2"])
    #expect(file.sections["profile a"] == ["region": "two", "output": "json"])
    #expect(file.sections["sso-session x"] == ["sso_region": "y"])
    #expect(file.sections.count == 4)
    #expect(AWSConfigFile([0xff, 0xfe, 0x00, 0x5b]).sections.isEmpty)
  }

  @Test("Profiles come from both files, keys of the credentials file first")
  func profiles() throws {
    home.write(
      """
      [default]
      region = from-default
      aws_access_key_id = CONFIG
      aws_secret_access_key = C
      [profile work]
      region = from-work
      """, to: ".aws/config")
    home.write(
      """
      [default]
      aws_access_key_id = SHARED
      aws_secret_access_key = S
      [work]
      aws_access_key_id = WORK
      aws_secret_access_key = W
      aws_session_token = TOKEN
      """, to: ".aws/credentials")
    func key(_ context: CredentialContext) throws -> String? {
      try ProfileCredentials(context: context).credentials()?.accessKey
    }
    #expect(try key(context()) == "SHARED")
    #expect(try key(context(profile: "work")) == "WORK")
    #expect(try key(context(["AWS_PROFILE": "work"])) == "WORK")
    #expect(try key(context(["AWS_PROFILE": "work"], profile: "default")) == "SHARED")
    #expect(try ProfileCredentials(context: context(profile: "work")).credentials()?.sessionToken == "TOKEN")

    #expect(try RegionResolution.region(option: nil, context()) == "from-default")
    #expect(try RegionResolution.region(option: nil, context(profile: "work")) == "from-work")
    #expect(try RegionResolution.region(option: nil, context(["AWS_DEFAULT_REGION": "d"])) == "d")
    #expect(try RegionResolution.region(option: nil, context(["AWS_DEFAULT_REGION": "d", "AWS_REGION": "r"])) == "r")
    #expect(try RegionResolution.region(option: "o", context(["AWS_REGION": "r"])) == "o")
    #expect(try RegionResolution.region(option: nil, .test()) == nil)
  }

  @Test("The files can be elsewhere")
  func elsewhere() throws {
    home.write("[default]\naws_access_key_id=A\naws_secret_access_key=S\n", to: "other/keys")
    home.write("[default]\nregion=r\n", to: "other/config")
    let context = context([
      "AWS_SHARED_CREDENTIALS_FILE": "~/other/keys", "AWS_CONFIG_FILE": home.path("other/config"),
    ])
    #expect(try ProfileCredentials(context: context).credentials()?.accessKey == "A")
    #expect(try RegionResolution.region(option: nil, context) == "r")
  }

  @Test("No files and no profile named is nothing; a named profile that is missing is an error that says where")
  func missing() throws {
    #expect(try ProfileCredentials(context: context()).credentials() == nil)
    let named = failure { () throws(StoreError) in try ProfileCredentials(context: context(profile: "x")).credentials()
    }
    #expect(named?.kind == .misconfigured)
    #expect(named?.message.contains(home.path(".aws/config")) == true)
  }

  @Test(
    "A profile that zarrfs cannot use says what to do",
    arguments: [
      "role_arn = arn:aws:iam::1:role/r\nsource_profile = default", "sso_session = corp\nsso_account_id = 1",
      "sso_start_url = https://x", "aws_access_key_id = AK",
    ])
  func unsupported(lines: String) throws {
    home.write("[profile p]\n\(lines)\n", to: ".aws/config")
    let error = failure { () throws(StoreError) in try ProfileCredentials(context: context(profile: "p")).credentials()
    }
    #expect(error?.kind == .misconfigured)
    let message = try #require(error?.message)
    #expect(message.contains("profile p"))
    #expect(lines.hasPrefix("aws_access") || message.contains("aws configure export-credentials"))
  }

  @Test("credential_process gives what it writes, with the environment of the caller")
  func process() throws {
    home.write(
      """
      [profile p]
      credential_process = printf '{"Version":1,"AccessKeyId":"%s","SecretAccessKey":"S","SessionToken":"T","Expiration":"2026-01-01T00:00:00Z"}' "$GIVEN"
      """, to: ".aws/config")
    let found = try #require(
      try ProfileCredentials(context: context(["GIVEN": "AK", "PATH": "/usr/bin:/bin"], profile: "p")).credentials())
    #expect(found.accessKey == "AK" && found.secretKey == "S" && found.sessionToken == "T")
    #expect(found.expires == WallTime(milliseconds: 1_767_225_600_000))
  }

  @Test(
    "A credential_process that fails says how, and nothing of what it wrote",
    arguments: [
      ("exit 3", StoreError.Kind.misconfigured, "exit status 3"), ("kill -9 $$", .unavailable, "signal 9"),
      ("echo SECRET", .rejected, "JSON"),
      ("echo '{\"Version\":1,\"SecretAccessKey\":\"SECRET\"}'", .rejected, "AccessKeyId"),
      ("echo '{\"AccessKeyId\":\"A\",\"SecretAccessKey\":\"SECRET\"}'", .rejected, "Version"),
      (
        "echo '{\"Version\":1,\"AccessKeyId\":\"A\",\"SecretAccessKey\":\"SECRET\",\"Expiration\":\"x\"}'", .rejected,
        "Expiration"
      ),
      ("yes SECRET", .rejected, "64 KiB"), ("exec 1>&-; sleep 100", .unavailable, "did not end"),
      ("sleep 100", .unavailable, "did not end"), ("/no/such/command", .misconfigured, "exit status 127"),
    ] as [(String, StoreError.Kind, String)])
  func processFailures(command: String, kind: StoreError.Kind, words: String) {
    var provider = ProcessCredentials(
      context: context(["PATH": "/usr/bin:/bin"]), command: command, profile: "p")
    if words == "did not end" { provider.timeout = .milliseconds(200) }
    let error = failure { () throws(StoreError) in try provider.credentials() }
    #expect(error?.kind == kind)
    #expect(error?.message.contains(words) == true)
    #expect(error?.message.contains("SECRET") == false)
  }

  @Test("A command that leaves something running behind is not waited for longer")
  func background() throws {
    let command = ShellCommand("sleep 600 & echo $!", environment: ["PATH": "/usr/bin:/bin"])
    guard case .exited(0, let output) = try command.run(timeout: .seconds(60), limit: 100) else {
      Issue.record("did not exit")
      return
    }
    let pid = try #require(Int32(String(decoding: output.dropLast(), as: UTF8.self)))
    // It runs still: the command's end was what was waited for.
    #expect(kill(pid, SIGKILL) == 0)
  }
}
