package import Objects

/// One page of a listing (S3 ListObjectsV2).
package struct ListRequest: Sendable {
  /// Only keys that begin with it; relative to the mounted prefix.
  package var prefix: ObjectKey
  /// With a delimiter (`/`) keys below the next slash are rolled up into `ListPage.prefixes`.
  package var delimited: Bool
  /// From the page before; nil begins.
  package var continuation: String?
  /// At most 1,000 (S3).
  package var limit: Int
  package var priority: TransferPriority

  package init(
    prefix: ObjectKey, delimited: Bool = true, continuation: String? = nil, limit: Int = 1000,
    priority: TransferPriority = .demand
  ) {
    self.prefix = prefix
    self.delimited = delimited
    self.continuation = continuation
    self.limit = limit
    self.priority = priority
  }
}

/// What one page held. Keys are relative to the mounted prefix and lie below the asked prefix: others were dropped.
package struct ListPage: Equatable, Sendable {
  package struct Object: Equatable, Sendable {
    package var key: ObjectKey
    package var version: ObjectVersion

    package init(key: ObjectKey, version: ObjectVersion) {
      self.key = key
      self.version = version
    }
  }

  package var objects: [Object]
  /// Directory keys, each with its trailing slash.
  package var prefixes: [ObjectKey]
  /// For the next request; nil on the last page.
  package var continuation: String?

  package init(objects: [Object] = [], prefixes: [ObjectKey] = [], continuation: String? = nil) {
    self.objects = objects
    self.prefixes = prefixes
    self.continuation = continuation
  }
}
