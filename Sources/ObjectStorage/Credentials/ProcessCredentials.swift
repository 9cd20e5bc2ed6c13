import Platform

/// `credential_process` of a profile: a command that writes credentials as JSON.
struct ProcessCredentials: CredentialProvider {
  let context: CredentialContext
  let command: String
  let profile: String
  var timeout = Interval.seconds(60)

  var name: String { "credential_process" }

  func credentials() throws(StoreError) -> Credentials? {
    let source = "credential_process of the profile \(profile)"
    let outcome: ShellCommand.Outcome
    do throws(Errno) {
      outcome = try ShellCommand(command, environment: context.environment).run(timeout: timeout, limit: 64 * 1024)
    } catch { throw StoreError(.misconfigured, "\(source) could not be started: \(error)") }
    switch outcome {
    case .timedOut: throw StoreError(.unavailable, "\(source) did not end within \(Int(timeout.seconds)) s")
    case .tooLong: throw StoreError(.rejected, "\(source) wrote more than 64 KiB")
    case .signalled(let number): throw StoreError(.unavailable, "\(source) was ended by signal \(number)")
    case .exited(let status, let output):
      // Its own words are on standard error, which is ours.
      guard status == 0 else { throw StoreError(.misconfigured, "\(source) failed with exit status \(status)") }
      let document = try CredentialDocument(output, from: source)
      guard document.version == 1 else { throw StoreError(.rejected, "\(source) answered without Version 1") }
      return try document.credentials(from: source)
    }
  }
}
