import FoundationEssentials
import Platform

/// The JSON that `credential_process`, container endpoints and the instance metadata service answer with.
struct CredentialDocument: Decodable {
  var version: Int?
  var code: String?
  var accessKey: String?
  var secretKey: String?
  var sessionToken: String?
  var token: String?
  var expiration: String?

  private enum CodingKeys: String, CodingKey {
    case version = "Version"
    case code = "Code"
    case accessKey = "AccessKeyId"
    case secretKey = "SecretAccessKey"
    case sessionToken = "SessionToken"
    case token = "Token"
    case expiration = "Expiration"
  }

  /// `rejected` when it is not such JSON; `source` says whose it is. No text of the document gets into the error.
  init(_ bytes: [UInt8], from source: String) throws(StoreError) {
    do { self = try JSONDecoder().decode(CredentialDocument.self, from: Data(bytes)) } catch {
      throw StoreError(.rejected, "\(source) did not answer with the JSON of credentials")
    }
  }

  /// `rejected` where a part is missing.
  func credentials(from source: String) throws(StoreError) -> Credentials {
    guard let accessKey, let secretKey, !accessKey.isEmpty, !secretKey.isEmpty else {
      throw StoreError(.rejected, "\(source) answered without AccessKeyId or SecretAccessKey")
    }
    var expires: WallTime?
    if let expiration, !expiration.isEmpty {
      guard let time = Self.time(expiration) else {
        throw StoreError(.rejected, "\(source) answered with an Expiration that is no time")
      }
      expires = time
    }
    return Credentials(
      accessKey: accessKey, secretKey: secretKey, sessionToken: sessionToken ?? token, expires: expires)
  }

  /// An ISO 8601 time as AWS writes it: `2026-01-31T12:00:00Z`, with fractions, or with `+01:00`.
  static func time(_ text: String) -> WallTime? {
    var digits = Substring(text)
    func number(_ count: Int) -> Int64? {
      let part = digits.prefix(count)
      guard part.utf8.count == count, part.utf8.allSatisfy({ (48...57).contains($0) }) else { return nil }
      digits = digits.dropFirst(count)
      return Int64(part)
    }
    func skip(_ character: Character) -> Bool {
      guard digits.first == character else { return false }
      digits.removeFirst()
      return true
    }
    guard let year = number(4), skip("-"), let month = number(2), skip("-"), let day = number(2),
      skip("T") || skip(" "),
      let hour = number(2), skip(":"), let minute = number(2), skip(":"), let second = number(2),
      (1...12).contains(month), (1...31).contains(day), hour < 24, minute < 60, second < 61
    else { return nil }
    if skip(".") { digits = digits.drop { $0.isNumber } }
    var offset: Int64 = 0
    if let sign = digits.first, sign == "+" || sign == "-" {
      digits.removeFirst()
      guard let hours = number(2), skip(":") || !digits.isEmpty, let minutes = number(2) else { return nil }
      offset = (hours * 60 + minutes) * (sign == "+" ? 60 : -60)
    } else if !skip("Z") {
      return nil
    }
    guard digits.isEmpty else { return nil }
    let seconds = days(year, month, day) * 86_400 + hour * 3600 + minute * 60 + second - offset
    return WallTime(milliseconds: seconds * 1000)
  }

  /// Days since 1970-01-01 in the Gregorian calendar (H. Hinnant, days_from_civil).
  private static func days(_ year: Int64, _ month: Int64, _ day: Int64) -> Int64 {
    let year = month <= 2 ? year - 1 : year
    let era = year / 400
    let yearOfEra = year - era * 400
    let dayOfYear = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1
    return era * 146_097 + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear - 719_468
  }
}
