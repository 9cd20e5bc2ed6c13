package import Objects

/// One GET (RFC 9110, 9.3.1 and 14; S3 GetObject).
package struct GetRequest: Sendable {
  package enum Range: Equatable, Sendable {
    /// The whole object, by a request without a Range header.
    case whole
    /// Offsets; the part beyond the object's end is left out by the remote.
    case bytes(ByteRange)
    /// The last bytes.
    case suffix(Int64)
  }

  package var key: ObjectKey
  package var range: Range
  /// If given, only this version will do (`If-Match`, or a comparison of the head where the remote has no strong tags):
  /// any other is `StoreError.Kind.changed`.
  package var expected: ObjectVersion?
  package var priority: TransferPriority

  package init(
    key: ObjectKey, range: Range, expected: ObjectVersion? = nil, priority: TransferPriority = .demand
  ) {
    self.key = key
    self.range = range
    self.expected = expected
    self.priority = priority
  }
}

/// What the headers of a GET said.
package struct GetHead: Sendable {
  /// Tag, time and whole size.
  package var version: ObjectVersion
  /// Which bytes the body will hold: never beyond `version.size`.
  package var range: ByteRange
  /// CRC-32 of the whole object (`x-amz-checksum-crc32`, type FULL_OBJECT), where the remote offers one.
  package var checksum: UInt32?

  package init(version: ObjectVersion, range: ByteRange, checksum: UInt32? = nil) {
    self.version = version
    self.range = range
    self.checksum = checksum
  }
}
