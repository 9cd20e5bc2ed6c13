import Platform

/// The AWS chain: environment, shared files, `credential_process`, web identity, container, instance metadata.
///
/// The first that is set up decides. What it gives is kept until shortly before it expires (`ExpiringCredentials`).
/// Providers block; each fetch runs on a thread of its own, and there is one fetch at a time.
package final class CredentialChain: CredentialSource {
  private typealias Completion = @Sendable (Result<Credentials?, StoreError>) -> Void

  private let context: CredentialContext
  private let state: Monitor<ExpiringCredentials<Completion>>

  package init(_ context: CredentialContext) {
    self.context = context
    state = Monitor(ExpiringCredentials())
  }

  package func credentials(_ completion: @escaping @Sendable (Result<Credentials?, StoreError>) -> Void) {
    let now = context.time.now()
    let monotonic = context.time.monotonic()
    switch state.withLock({ $0.request(completion, now: now, monotonic: monotonic) }) {
    case .answer(let result): completion(result)
    case .answerAndFetch(let value):
      completion(.success(value))
      fetch()
    case .fetch: fetch()
    case .wait: break
    }
  }

  package func invalidate() {
    let now = context.time.now()
    state.withLock { $0.invalidate(now: now) }
  }

  private func fetch() {
    do throws(Errno) {
      try Thread.startDetached("credentials") {
        let result: Result<Credentials?, StoreError>
        do throws(StoreError) { result = .success(try Self.resolve(self.context)) } catch { result = .failure(error) }
        self.finish(result)
      }
    } catch { finish(.failure(StoreError(.unavailable, "no thread for credentials: \(error)"))) }
  }

  private func finish(_ result: Result<Credentials?, StoreError>) {
    let now = context.time.now()
    let monotonic = context.time.monotonic()
    let outcome = state.withLock { $0.fetched(result, now: now, monotonic: monotonic) }
    for completion in outcome.waiters { completion(outcome.result) }
  }

  /// Asks each provider in turn, on the calling thread. `misconfigured` when none is set up.
  static func resolve(_ context: CredentialContext) throws(StoreError) -> Credentials {
    // A profile asked for on the command line goes before keys that happen to be in the environment.
    if context.profile == nil, let found = try EnvironmentCredentials(context: context).credentials() { return found }
    if let found = try ProfileCredentials(context: context).credentials() { return found }
    if let provider = try WebIdentityCredentials.fromEnvironment(context), let found = try provider.credentials() {
      return found
    }
    if let found = try ContainerCredentials(context: context).credentials() { return found }
    if let found = try InstanceCredentials(context: context).credentials() { return found }
    throw StoreError(
      .misconfigured,
      "no AWS credentials in the environment, the shared files, or from a container or instance; set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, give --profile, or --no-sign-request for a public bucket"
    )
  }
}
