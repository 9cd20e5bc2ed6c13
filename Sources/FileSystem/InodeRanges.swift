import Objects

/// Numbers that the index never gives.
extension InodeNumber {
  /// `.zarrfs` and its subdirectories.
  static let control = InodeNumber(2)
  static let controlInodes = InodeNumber(3)
  static let controlCached = InodeNumber(4)
  static let controlEvict = InodeNumber(5)
  /// Shown by readdir for the control files; each lookup of one makes a number of its own (`firstSnapshot`).
  static let controlFiles = InodeNumber(16)

  /// Contents of control files, one for each lookup.
  static let firstSnapshot = InodeNumber(1 << 61)
  /// Names that could not be found out, one for each lookup.
  static let firstPoisoned = InodeNumber(1 << 62)

  var isControl: Bool { self >= .control && self <= .controlEvict }
  var isSnapshot: Bool { self >= .firstSnapshot && self < .firstPoisoned }
}
