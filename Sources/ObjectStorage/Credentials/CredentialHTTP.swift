package import Platform

/// One blocking HTTP exchange with an endpoint for credentials. Redirects are not followed: none of these endpoints
/// redirects, and a token must not go elsewhere.
package protocol CredentialHTTP: Sendable {
  func send(_ request: CredentialHTTPRequest) throws(StoreError) -> CredentialHTTPResponse
}

package struct CredentialHTTPRequest: Sendable {
  package var method: String
  package var url: String
  package var headers: [(name: String, value: String)] = []
  package var body: [UInt8] = []
  package var connectTimeout: Interval = .seconds(5)
  /// For the whole exchange.
  package var timeout: Interval = .seconds(15)
  /// Past the proxy of the environment: an endpoint of the machine itself.
  package var isDirect = false

  package init(_ method: String, _ url: String) {
    self.method = method
    self.url = url
  }
}

package struct CredentialHTTPResponse: Sendable {
  package var status: Int
  package var body: [UInt8]

  package init(status: Int, body: [UInt8]) {
    self.status = status
    self.body = body
  }
}

extension CredentialHTTPResponse {
  /// The error of a status that is not 200: 5xx, 408 and 429 may pass, the others are the set-up's fault.
  func failure(_ source: String, _ advice: String = "") -> StoreError {
    let passes = status >= 500 || status == 408 || status == 429
    return StoreError(
      passes ? .unavailable : .misconfigured, "\(source) answered with HTTP status \(status)\(advice)", status: status)
  }
}
