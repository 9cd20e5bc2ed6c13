/// One `--select DIM=START:STOP[:STEP]` of `zarrfs warm`: a slice of one dimension in index space.
///
/// As a Python slice: either end may be left out, and counts from the end when negative; `DIM=N` is the one index `N`.
/// The step is positive.
package struct SliceSelection: Equatable, Sendable {
  package enum Failure: Error, Equatable, Sendable {
    /// The text has not the form `DIM=START:STOP[:STEP]`.
    case malformed
    /// The array has no dimension of this name or number.
    case unknownDimension(String)
    /// The array is plain: its chunks are not known.
    case noGrid
  }

  /// The name of a dimension, or its number from 0.
  package var dimension: String
  package var start: Int64?
  package var stop: Int64?
  package var step: Int64

  package init(dimension: String, start: Int64?, stop: Int64?, step: Int64 = 1) {
    self.dimension = dimension
    self.start = start
    self.stop = stop
    self.step = step
  }

  /// The last `=` divides, as names of dimensions may have one.
  package init(parsing text: String) throws(Failure) {
    guard let equals = text.lastIndex(of: "="), equals != text.startIndex else { throw .malformed }
    let parts = text[text.index(after: equals)...].split(separator: ":", omittingEmptySubsequences: false)
    dimension = String(text[..<equals])
    start = nil
    stop = nil
    step = 1
    guard (1...3).contains(parts.count) else { throw .malformed }
    if parts.count == 1 {
      guard let index = Int64(parts[0]) else { throw .malformed }
      start = index
      // -1 is the last element, whose end has no number of its own.
      stop = index == -1 || index == .max ? nil : index + 1
      return
    }
    if !parts[0].isEmpty {
      guard let value = Int64(parts[0]) else { throw .malformed }
      start = value
    }
    if !parts[1].isEmpty {
      guard let value = Int64(parts[1]) else { throw .malformed }
      stop = value
    }
    if parts.count == 3, !parts[2].isEmpty {
      guard let value = Int64(parts[2]), value > 0 else { throw .malformed }
      step = value
    }
  }

  /// The elements selected of a dimension of this length: first, end, and step; nil for none.
  package func resolved(length: Int64) -> (first: Int64, end: Int64, step: Int64)? {
    func bound(_ value: Int64?, _ absent: Int64) -> Int64 {
      guard let value else { return absent }
      return min(max(value < 0 ? value + length : value, 0), length)
    }
    let first = bound(start, 0)
    let end = bound(stop, length)
    return first < end ? (first, end, step) : nil
  }

  /// The axis this selection is about.
  package func axis(in metadata: ArrayMetadata) -> Int? {
    if let axis = metadata.dimensionNames.firstIndex(of: dimension) { return axis }
    guard let axis = Int(dimension), metadata.shape.indices.contains(axis) else { return nil }
    return axis
  }
}
