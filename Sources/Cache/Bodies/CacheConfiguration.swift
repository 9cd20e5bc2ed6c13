package import Platform

/// How a cache is set up.
package struct CacheConfiguration: Sendable {
  /// Holds one directory per source, named by the source's hash.
  package var directory: String
  /// As the user wrote it, made canonical: what is cached belongs to it.
  package var source: String
  /// Allocated bytes that everything in the source's directory may have.
  package var size: Int64
  /// Bytes that stay free on the disk, as far as it is up to the cache.
  package var minimumFree: Int64
  /// Bodies unused for longer are evicted.
  package var maximumAge: Interval?
  /// `--dedup`: objects of the same bytes are one file.
  package var sharesBodies: Bool

  /// The smallest `size` that works: the index may take a quarter and some slack, and a part of 8 MiB still fits.
  package static let minimumSize: Int64 = 16 << 20

  package init(
    directory: String, source: String, size: Int64, minimumFree: Int64 = 0, maximumAge: Interval? = nil,
    sharesBodies: Bool = true
  ) {
    self.directory = directory
    self.source = source
    self.size = size
    self.minimumFree = minimumFree
    self.maximumAge = maximumAge
    self.sharesBodies = sharesBodies
  }
}
