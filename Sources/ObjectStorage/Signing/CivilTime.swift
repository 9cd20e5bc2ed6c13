import Platform

/// A moment in UTC by its calendar fields: HTTP dates, ISO 8601 and signing dates without Foundation. Pure.
struct CivilTime: Equatable {
  var year: Int
  var month: Int
  var day: Int
  var hour = 0
  var minute = 0
  var second = 0
  var millisecond = 0

  private static let months = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"]

  init(year: Int, month: Int, day: Int) {
    self.year = year
    self.month = month
    self.day = day
  }

  /// The proleptic Gregorian calendar, by eras of 400 years that begin on the first of March.
  init(_ time: WallTime) {
    let (seconds, left) = time.milliseconds.floored(by: 1000)
    let (days, rest) = seconds.floored(by: 86_400)
    let (era, dayOfEra) = (days + 719_468).floored(by: 146_097)
    let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
    let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
    let shifted = (5 * dayOfYear + 2) / 153
    day = Int(dayOfYear - (153 * shifted + 2) / 5 + 1)
    month = Int(shifted < 10 ? shifted + 3 : shifted - 9)
    year = Int(yearOfEra + era * 400) + (month <= 2 ? 1 : 0)
    hour = Int(rest / 3600)
    minute = Int(rest / 60 % 60)
    second = Int(rest % 60)
    millisecond = Int(left)
  }

  var wallTime: WallTime {
    let shiftedYear = Int64(month <= 2 ? year - 1 : year)
    let (era, yearOfEra) = shiftedYear.floored(by: 400)
    let shiftedMonth = Int64(month > 2 ? month - 3 : month + 9)
    let dayOfYear = (153 * shiftedMonth + 2) / 5 + Int64(day) - 1
    let dayOfEra = yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear
    let days = era * 146_097 + dayOfEra - 719_468
    let seconds = days * 86_400 + Int64(hour * 3600 + minute * 60 + second)
    return WallTime(milliseconds: seconds * 1000 + Int64(millisecond))
  }

  /// `20130524T000000Z`, as `x-amz-date` has it.
  var compact: String {
    Self.pad(year, 4) + Self.pad(month, 2) + Self.pad(day, 2) + "T" + Self.pad(hour, 2) + Self.pad(minute, 2)
      + Self.pad(second, 2) + "Z"
  }

  /// `Sun, 06 Nov 1994 08:49:37 GMT`, its older form with dashes and a two-digit year, or asctime's (RFC 9110, 5.6.7).
  init?(httpDate text: String) {
    var fields = text.split(whereSeparator: { $0 == " " || $0 == "," || $0 == "-" }).map(String.init)
    guard fields.count >= 5 else { return nil }
    if Int(fields[1]) == nil { fields = [fields[0], fields[2], fields[1], fields[4], fields[3]] }
    guard let day = Int(fields[1]), let index = Self.months.firstIndex(of: fields[2].lowercased()),
      var year = Int(fields[3])
    else { return nil }
    if fields[3].utf8.count == 2 { year += year < 70 ? 2000 : 1900 }
    self.init(year: year, month: index + 1, day: day)
    let clock = fields[4].split(separator: ":").map { Int($0) ?? -1 }
    guard clock.count == 3 else { return nil }
    (hour, minute, second) = (clock[0], clock[1], clock[2])
    guard isPlausible else { return nil }
  }

  /// `2009-10-12T17:50:30.000Z`, with any number of decimals or none.
  init?(iso8601 text: String) {
    guard text.last == "Z" || text.last == "z" else { return nil }
    let halves = text.dropLast().split(whereSeparator: { $0 == "T" || $0 == "t" || $0 == " " })
    guard halves.count == 2 else { return nil }
    let date = halves[0].split(separator: "-").map { Int($0) ?? -1 }
    let seconds = halves[1].split(separator: ".")
    let clock = seconds[0].split(separator: ":").map { Int($0) ?? -1 }
    guard date.count == 3, clock.count == 3, seconds.count <= 2 else { return nil }
    self.init(year: date[0], month: date[1], day: date[2])
    (hour, minute, second) = (clock[0], clock[1], clock[2])
    if seconds.count == 2 {
      guard let thousandths = Int(String((String(seconds[1]) + "00").prefix(3))) else { return nil }
      millisecond = thousandths
    }
    guard isPlausible else { return nil }
  }

  private var isPlausible: Bool {
    (1...9999).contains(year) && (1...12).contains(month) && (1...31).contains(day) && (0...23).contains(hour)
      && (0...59).contains(minute) && (0...60).contains(second) && (0...999).contains(millisecond)
  }

  private static func pad(_ number: Int, _ width: Int) -> String {
    let digits = String(number)
    return String(repeating: "0", count: max(0, width - digits.count)) + digits
  }
}

extension Int64 {
  /// Quotient and remainder, the remainder never negative.
  fileprivate func floored(by divisor: Int64) -> (Int64, Int64) {
    let remainder = (self % divisor + divisor) % divisor
    return ((self - remainder) / divisor, remainder)
  }
}
