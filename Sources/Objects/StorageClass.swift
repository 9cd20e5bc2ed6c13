/// How dear an object is to the cache; evicted from the cheapest upwards (design.md section 6).
package enum StorageClass: Int, Comparable, Sendable {
  /// Fetched ahead and not read yet.
  case prefetched = 0
  /// A chunk or any other object.
  case chunk = 1
  /// The chunks of one-dimensional coordinate arrays.
  case coordinate = 2
  /// Metadata documents, and the indexes that evicted shards leave.
  case metadata = 3

  package static func < (a: Self, b: Self) -> Bool { a.rawValue < b.rawValue }
}
