/// The same credentials always; nil for `--no-sign-request`.
package final class FixedCredentials: CredentialSource {
  private let value: Credentials?

  package init(_ value: Credentials?) { self.value = value }

  package func credentials(_ completion: @escaping @Sendable (Result<Credentials?, StoreError>) -> Void) {
    completion(.success(value))
  }

  package func invalidate() {}
}
