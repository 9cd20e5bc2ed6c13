import Objects
import Zarr

/// An array of which chunks are to be read.
struct WarmArray: Sendable {
  /// Relative to the start; ends with a slash, or is empty.
  var path: ObjectKey
  var layout: ArrayLayout
  var selection: ChunkSelection
  var count: Int64
  /// Of one chunk in memory, where known: its size as stored is not known without a listing.
  var chunkBytes: Int64?

  /// Throws what is wrong with the selection for this array, for people.
  init(
    _ metadata: ArrayMetadata, at path: ObjectKey, _ slices: [SliceSelection], ignoringUnknown: Bool
  ) throws(CommandFailure) {
    let shown = path.bytes.isEmpty ? "the array" : "\(ObjectKey(bytes: Array(path.bytes.dropLast())))"
    guard let layout = metadata.layout else {
      throw CommandFailure("\(shown): its chunk grid is not known, so its files cannot be named")
    }
    do throws(SliceSelection.Failure) {
      selection = try ChunkSelection(metadata, slices, ignoringUnknown: ignoringUnknown)
    } catch {
      guard case .unknownDimension(let name) = error else { throw CommandFailure("\(shown): \(error)") }
      let names = metadata.dimensionNames.compactMap { $0 }
      throw CommandFailure(
        "\(shown) has no dimension \(name): its dimensions are "
          + (names.isEmpty ? "0 to \(metadata.shape.count - 1), without names" : names.joined(separator: ", ")))
    }
    guard let count = selection.count else { throw CommandFailure("\(shown): its chunks cannot be counted") }
    self.path = path
    self.layout = layout
    self.count = count
    chunkBytes = metadata.chunkBytes
  }

  func file(_ chunk: ChunkCoordinates) -> [UInt8] { path.bytes + layout.key(chunk) }

  /// The directories, relative to the start and without a slash at the end, that hold the selected chunks; nil where
  /// listing them would cost more than it saves: names that are not wanted, or a directory for each few chunks.
  var directories: [[UInt8]]? {
    guard count > 0 else { return [] }
    let own = Array(path.bytes.dropLast())
    let depth = layout.directoryDepth
    guard depth > 0 else {
      guard let total = layout.grid.total, total <= max(10_000, count.multipliedSaturating(by: 20)) else { return nil }
      return [own]
    }
    var found: [[UInt8]] = []
    for chunk in selection {
      let file = file(chunk)
      let directory = Array(file[..<(file.lastIndex(of: UInt8(ascii: "/")) ?? 0)])
      // In C order those of one directory follow each other.
      if found.last == directory { continue }
      found.append(directory)
      guard found.count <= 1000 || Int64(found.count) <= count / 8, found.count <= 100_000 else { return nil }
    }
    let names = Int64(found.count).multipliedSaturating(by: layout.grid.counts.last ?? 1)
    return names <= max(10_000, count.multipliedSaturating(by: 20)) ? found : nil
  }
}

extension Int64 {
  func multipliedSaturating(by factor: Int64) -> Int64 {
    let (product, overflow) = multipliedReportingOverflow(by: factor)
    return overflow ? .max : product
  }
}
