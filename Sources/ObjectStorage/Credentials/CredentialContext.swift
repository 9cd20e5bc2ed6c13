package import Platform

/// What the providers look at. The environment and the home directory are values, so that tests choose them.
package struct CredentialContext: Sendable {
  /// As of `environ`.
  package var environment: [String: String]
  /// For `~` and `~/.aws`; nil where there is none.
  package var home: String?
  /// `--profile`; before `AWS_PROFILE`.
  package var profile: String?
  package var http: any CredentialHTTP
  package var time: any TimeSource

  package init(
    environment: [String: String], home: String?, profile: String? = nil, http: any CredentialHTTP,
    time: any TimeSource
  ) {
    self.environment = environment
    self.home = home
    self.profile = profile
    self.http = http
    self.time = time
  }

  /// A variable; an empty one counts as not set, as in the AWS tools.
  func variable(_ name: String) -> String? {
    guard let value = environment[name], !value.isEmpty else { return nil }
    return value
  }

  /// A path with `~/` put in full.
  func expanding(_ path: String) -> String {
    guard path.hasPrefix("~/"), let home else { return path }
    return home + path.dropFirst()
  }

  /// A small file; nil where there is none. `misconfigured` when it cannot be read.
  func file(_ path: String, limit: Int = 1 << 20) throws(StoreError) -> [UInt8]? {
    let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: limit + 1, alignment: 16)
    defer { buffer.deallocate() }
    let count: Int
    do throws(Errno) { count = try FileDescriptor.open(path, 0).read(into: buffer, at: 0) } catch {
      if error == .noEntry || error == .notDirectory { return nil }
      throw StoreError(.misconfigured, "\(path) cannot be read: \(error); check its permissions")
    }
    guard count <= limit else { throw StoreError(.misconfigured, "\(path) is larger than \(limit) bytes") }
    return Array(buffer[..<count])
  }
}

/// One way to get credentials. Blocks; runs on the thread of `CredentialChain`.
protocol CredentialProvider: Sendable {
  /// For people: what was looked at.
  var name: String { get }
  /// nil where this way is not set up: the next one is tried. An error where it is, and fails: the chain ends there.
  func credentials() throws(StoreError) -> Credentials?
}
