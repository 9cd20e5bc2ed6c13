/// One profile of the shared config and credentials files, the latter winning.
struct AWSProfile {
  let name: String
  /// In lower case, as `aws_access_key_id`, `region`.
  let values: [String: String]

  /// A value that is not empty.
  subscript(name: String) -> String? {
    guard let value = values[name], !value.isEmpty else { return nil }
    return value
  }

  /// The profile that `--profile`, else `AWS_PROFILE`, else `AWS_DEFAULT_PROFILE` names, else `default`.
  /// nil where nothing names one and there is no default; `misconfigured` where one is named and is in no file.
  static func load(_ context: CredentialContext) throws(StoreError) -> AWSProfile? {
    let named = context.profile ?? context.variable("AWS_PROFILE") ?? context.variable("AWS_DEFAULT_PROFILE")
    let name = named ?? "default"
    let configPath = path("AWS_CONFIG_FILE", "config", context)
    let credentialsPath = path("AWS_SHARED_CREDENTIALS_FILE", "credentials", context)
    let config = try read(configPath, context)
    let credentials = try read(credentialsPath, context)

    // In the config file `[profile default]` stands before `[default]`; other profiles have the word always.
    let fromConfig = config.sections["profile \(name)"] ?? (name == "default" ? config.sections["default"] : nil)
    let fromCredentials = credentials.sections[name]
    guard fromConfig != nil || fromCredentials != nil else {
      if named == nil { return nil }
      let places = [configPath, credentialsPath].compactMap { $0 }.joined(separator: " or ")
      throw StoreError(
        .misconfigured,
        "the profile \(name) is not in \(places.isEmpty ? "any file" : places); check --profile or AWS_PROFILE")
    }
    return AWSProfile(name: name, values: (fromConfig ?? [:]).merging(fromCredentials ?? [:]) { $1 })
  }

  private static func path(_ variable: String, _ file: String, _ context: CredentialContext) -> String? {
    context.variable(variable).map { context.expanding($0) } ?? context.home.map { "\($0)/.aws/\(file)" }
  }

  private static func read(_ path: String?, _ context: CredentialContext) throws(StoreError) -> AWSConfigFile {
    guard let path, let bytes = try context.file(path) else { return AWSConfigFile() }
    return AWSConfigFile(bytes)
  }
}
