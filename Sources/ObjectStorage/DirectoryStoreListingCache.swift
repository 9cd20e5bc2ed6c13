import Objects

/// The names of directories read for listings whose next page may come: so a directory of 200,000 names is read and
/// sorted once, and not for each of its 200 pages. A few are kept; the others are read again when asked.
struct DirectoryStoreListingCache: Sendable {
  private struct Kept {
    var listing: UInt64
    var directory: ObjectKey
    var names: DirectoryStoreNames
  }

  private static let limit = 16
  /// The oldest is first.
  private var kept: [Kept] = []

  var count: Int { kept.count }

  /// Takes the names out: the page that uses them keeps them again if another follows.
  mutating func take(_ directory: ObjectKey, of listing: UInt64) -> DirectoryStoreNames? {
    guard let index = kept.firstIndex(where: { $0.listing == listing && $0.directory == directory }) else { return nil }
    return kept.remove(at: index).names
  }

  mutating func keep(_ names: DirectoryStoreNames, of directory: ObjectKey, listing: UInt64) {
    if kept.count == Self.limit { kept.removeFirst() }
    kept.append(Kept(listing: listing, directory: directory, names: names))
  }

  /// The listing has no more pages.
  mutating func forget(_ listing: UInt64) { kept.removeAll { $0.listing == listing } }
}

/// A continuation token: which listing, and the last key or rolled-up prefix it gave, in hexadecimal.
struct DirectoryStoreToken: Sendable {
  var listing: UInt64
  var last: [UInt8]

  init(listing: UInt64, last: [UInt8]) {
    self.listing = listing
    self.last = last
  }

  /// nil for nil. `rejected` for what `text` did not make.
  init?(_ text: String?) throws(StoreError) {
    guard let text else { return nil }
    let parts = text.utf8.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
    guard parts.count == 2, let listing = UInt64(String(decoding: parts[0], as: UTF8.self)), parts[1].count % 2 == 0
    else { throw StoreError(.rejected, "a directory listing cannot be continued with such a token") }
    let digits = parts[1].compactMap { UInt8(String(UnicodeScalar($0)), radix: 16) }
    guard digits.count == parts[1].count else {
      throw StoreError(.rejected, "a directory listing cannot be continued with such a token")
    }
    self.listing = listing
    last = stride(from: 0, to: digits.count, by: 2).map { digits[$0] << 4 | digits[$0 + 1] }
  }

  var text: String {
    let digits = Array("0123456789abcdef".utf8)
    let hex = last.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }
    return "\(listing).\(String(decoding: hex, as: UTF8.self))"
  }
}
