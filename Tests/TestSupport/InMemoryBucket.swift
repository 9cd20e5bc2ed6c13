import Glibc
package import ObjectStorage
package import Objects

/// A bucket as S3 would answer for it: pure, without threads. `InMemoryStore` is the store over it.
package struct InMemoryBucket: Sendable {
  package struct Object: Sendable {
    package var version: ObjectVersion
    package var bytes: [UInt8]
  }

  private var objects: [ObjectKey: Object] = [:]
  /// In the order of bytes; nil after a change until the next listing.
  private var order: [ObjectKey]? = []
  private var tags = SeededGenerator(seed: 0x5EED)
  private var puts: Int64 = 0

  /// Versions without tags, as some plain servers have them.
  package var hasTags = true
  /// Each listing begins with so many pages that hold nothing though more follows, as S3 may send them.
  package var emptyPages = 0

  package init() {}

  package var count: Int { objects.count }
  package var keys: [ObjectKey] { mutating get { sorted() } }
  package subscript(key: ObjectKey) -> Object? { objects[key] }

  /// Writes an object; each write has a tag of its own unless told, even of the same bytes. `modified` in milliseconds.
  @discardableResult
  package mutating func put(
    _ key: ObjectKey, _ bytes: [UInt8], modified: Int64? = nil, tag given: String? = nil
  ) -> ObjectVersion {
    puts += 1
    let tag = "\"" + (given ?? [tags.next(), tags.next()].map { Self.hex($0) }.joined()) + "\""
    let version = ObjectVersion(
      tag: hasTags ? EntityTag(tag) : nil, size: Int64(bytes.count),
      modified: modified ?? 1_760_000_000_000 + puts * 1000)
    if objects.updateValue(Object(version: version, bytes: bytes), forKey: key) == nil {
      if let last = order?.last, !Self.precedes(last, key) { order = nil } else { order?.append(key) }
    }
    return version
  }

  /// Whether there was one.
  @discardableResult
  package mutating func remove(_ key: ObjectKey) -> Bool {
    guard objects.removeValue(forKey: key) != nil else { return false }
    order = nil
    return true
  }

  /// The object and the bytes of it that a GET would send (RFC 9110: If-Match is judged before Range).
  package func resolve(_ request: GetRequest) throws(StoreError) -> (object: Object, range: ByteRange) {
    guard let object = objects[request.key] else {
      throw StoreError(.notFound, "memory: no \(request.key)", status: 404)
    }
    if let expected = request.expected, expected != object.version {
      throw StoreError(.changed, "memory: \(request.key) is another version", status: 412)
    }
    let size = object.version.size
    switch request.range {
    case .whole: return (object, 0..<size)
    case .bytes(let range):
      if range.isEmpty { throw StoreError(.rejected, "memory: an empty range cannot be asked", status: 400) }
      if range.lowerBound >= size { throw Self.unsatisfiable(request.key, size) }
      return (object, range.clamped(to: 0..<size))
    case .suffix(let count):
      if size == 0 || count <= 0 { throw Self.unsatisfiable(request.key, size) }
      return (object, max(0, size - count)..<size)
    }
  }

  private static func unsatisfiable(_ key: ObjectKey, _ size: Int64) -> StoreError {
    StoreError(.unsatisfiable(size: size), "memory: \(key) ends before the range", status: 416)
  }

  /// One page of ListObjectsV2. The token holds the last name given, and whether it was a rolled-up prefix.
  package mutating func page(_ request: ListRequest) throws(StoreError) -> ListPage {
    var token = request.continuation
    if token == nil || token?.first == "e" {
      let given = token.flatMap { Int($0.dropFirst()) } ?? 0
      if given < emptyPages { return ListPage(continuation: "e\(given + 1)") }
      token = nil
    }
    let order = sorted()
    let prefix = request.prefix.bytes
    var index = Self.first(in: order) { !Self.less($0, prefix) }
    if let token {
      let hex = Array(token.utf8.dropFirst())
      guard let kind = token.utf8.first, hex.count % 2 == 0 else {
        throw StoreError(.rejected, "memory: bad continuation token", status: 400)
      }
      let last = stride(from: 0, to: hex.count, by: 2).map { at in
        UInt8(String(decoding: hex[at..<at + 2], as: UTF8.self), radix: 16) ?? 0
      }
      index =
        kind == UInt8(ascii: "p")
        ? Self.first(in: order) { !Self.less($0, last) && !$0.starts(with: last) }
        : Self.first(in: order) { Self.less(last, $0) }
    }
    var page = ListPage()
    var last: (kind: String, bytes: [UInt8])?
    var left = max(1, min(request.limit, 1000))
    while index < order.count, order[index].bytes.starts(with: prefix) {
      if left == 0, let last {
        page.continuation = last.kind + last.bytes.map { Self.hex(UInt64($0)).suffix(2) }.joined()
        break
      }
      let key = order[index]
      if request.delimited, let slash = key.bytes[prefix.count...].firstIndex(of: UInt8(ascii: "/")) {
        let rolled = Array(key.bytes[...slash])
        page.prefixes.append(ObjectKey(bytes: rolled))
        last = ("p", rolled)
        index = Self.first(in: order, from: index) { !$0.starts(with: rolled) }
      } else if let object = objects[key] {
        page.objects.append(.init(key: key, version: object.version))
        last = ("o", key.bytes)
        index += 1
      }
      left -= 1
    }
    return page
  }

  private mutating func sorted() -> [ObjectKey] {
    if let order { return order }
    let sorted = objects.keys.sorted { Self.precedes($0, $1) }
    order = sorted
    return sorted
  }

  /// The first index from which on `test` is true; it is false for all before (binary search).
  private static func first(in keys: [ObjectKey], from start: Int = 0, _ test: ([UInt8]) -> Bool) -> Int {
    var lower = start
    var upper = keys.count
    while lower < upper {
      let middle = (lower + upper) / 2
      if test(keys[middle].bytes) { upper = middle } else { lower = middle + 1 }
    }
    return lower
  }

  private static func precedes(_ a: ObjectKey, _ b: ObjectKey) -> Bool { less(a.bytes, b.bytes) }

  /// memcmp: the generic comparison takes seconds for 200,000 keys in debug builds.
  private static func less(_ a: [UInt8], _ b: [UInt8]) -> Bool {
    let order = memcmp(a, b, min(a.count, b.count))
    return order != 0 ? order < 0 : a.count < b.count
  }

  private static func hex(_ word: UInt64) -> String {
    let digits = String(word, radix: 16)
    return String(repeating: "0", count: 16 - digits.count) + digits
  }
}
