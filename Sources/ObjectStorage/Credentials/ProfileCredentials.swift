/// The shared config and credentials files: keys, `credential_process`, or a web identity.
struct ProfileCredentials: CredentialProvider {
  let context: CredentialContext
  var name: String { "profile" }

  func credentials() throws(StoreError) -> Credentials? {
    guard let profile = try AWSProfile.load(context) else { return nil }
    if let role = profile["role_arn"] {
      guard let file = profile["web_identity_token_file"] else {
        throw StoreError(
          .misconfigured,
          "the profile \(profile.name) assumes a role by source_profile or credential_source, which zarrfs does not do; \(Self.wayOut(profile))"
        )
      }
      return try WebIdentityCredentials(
        context: context, tokenFile: context.expanding(file), role: role, session: profile["role_session_name"],
        region: profile["region"]
      ).credentials()
    }
    if let key = profile["aws_access_key_id"] {
      guard let secret = profile["aws_secret_access_key"] else {
        throw StoreError(
          .misconfigured, "the profile \(profile.name) has aws_access_key_id without aws_secret_access_key")
      }
      return Credentials(accessKey: key, secretKey: secret, sessionToken: profile["aws_session_token"])
    }
    if let command = profile["credential_process"] {
      return try ProcessCredentials(context: context, command: command, profile: profile.name).credentials()
    }
    if profile["sso_session"] != nil || profile["sso_start_url"] != nil || profile["login_session"] != nil {
      throw StoreError(
        .misconfigured, "the profile \(profile.name) signs in by SSO, which zarrfs does not do; \(Self.wayOut(profile))"
      )
    }
    return nil
  }

  private static func wayOut(_ profile: AWSProfile) -> String {
    "put credential_process = aws configure export-credentials --profile \(profile.name) --format process into another profile and name that with --profile"
  }
}
