package import Objects

/// An array as its metadata describes it: what names and ranges depend on, not how to decode.
///
/// Only what makes the document contradict itself is an error. Where a grid, a chunk key encoding or an extension is not
/// known the array is known but `isPlain`: its files are ordinary files. An unknown codec changes no key, so it only
/// hides what is inside a chunk.
package struct ArrayMetadata: Equatable, Sendable {
  package var format: ZarrFormat
  /// In elements, one for each dimension; empty for a scalar.
  package var shape: [Int64]
  /// Elements of one stored object: a chunk, or with sharding a whole shard. nil where the grid is not regular.
  package var chunkShape: [Int64]?
  /// nil where the encoding is not known.
  package var keyEncoding: ChunkKeyEncoding?
  /// How to read inside a chunk that is a shard; nil if it is none, or one that we read as plain ranges
  /// (nested sharding, codecs around the shard or its index that move bytes).
  package var sharding: ShardLayout?
  /// As written, `<f4` or `float32`; a v2 record or a v3 extension as compact JSON.
  package var dataType: String
  /// Bytes of one element in memory, where the type has a fixed one that we know.
  package var itemSize: Int64?
  /// Names in the order of encoding; v2: filters, then the compressor.
  package var codecs: [String]
  /// v3 `dimension_names`, v2 `_ARRAY_DIMENSIONS`: empty where none are given, else one for each dimension.
  package var dimensionNames: [String?]
  /// As compact JSON.
  package var fillValue: String
  /// An extension that may change where chunks are, which we do not know.
  package var hasUnknownExtension: Bool

  package init(
    format: ZarrFormat, shape: [Int64], chunkShape: [Int64]?, keyEncoding: ChunkKeyEncoding?,
    sharding: ShardLayout? = nil, dataType: String = "", itemSize: Int64? = nil, codecs: [String] = [],
    dimensionNames: [String?] = [], fillValue: String = "null", hasUnknownExtension: Bool = false
  ) {
    self.format = format
    self.shape = shape
    self.chunkShape = chunkShape
    self.keyEncoding = keyEncoding
    self.sharding = sharding
    self.dataType = dataType
    self.itemSize = itemSize
    self.codecs = codecs
    self.dimensionNames = dimensionNames
    self.fillValue = fillValue
    self.hasUnknownExtension = hasUnknownExtension
  }

  /// Whether the array's files are to be treated as ordinary files: no grid, no chunk names.
  package var isPlain: Bool { layout == nil }

  /// The names of the array's chunks; nil for a plain one.
  package var layout: ArrayLayout? { ArrayLayout(self) }

  /// Elements of an inner chunk, where `sharding` is known.
  package var innerChunkShape: [Int64]? { sharding?.innerChunkShape }

  /// Bytes of a whole decoded chunk, if the item size is known and the product fits.
  package var chunkBytes: Int64? {
    guard let itemSize, let chunkShape else { return nil }
    return checkedProduct(chunkShape, times: itemSize)
  }

  /// Whether this is a coordinate array (CF, xarray): one dimension, and named as it. `path` is the array's directory.
  package func isCoordinate(at path: ObjectKey) -> Bool {
    guard shape.count == 1, dimensionNames.count == 1, let dimension = dimensionNames[0], !dimension.isEmpty else {
      return false
    }
    let bytes = path.isDirectory ? path.bytes.dropLast() : path.bytes[...]
    let name = bytes.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false).last ?? []
    return name.elementsEqual(dimension.utf8)
  }
}

/// The product, or nil where it does not fit. Requires that no factor is negative.
func checkedProduct(_ factors: [Int64], times start: Int64 = 1) -> Int64? {
  if factors.contains(0) { return 0 }
  var product = start
  for factor in factors {
    let (value, overflow) = product.multipliedReportingOverflow(by: factor)
    if overflow { return nil }
    product = value
  }
  return product
}
