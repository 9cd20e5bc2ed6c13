import FileSystem
import Objects
import Zarr

/// One node of a hierarchy, as `zarrfs tree` shows it.
struct TreeNode: Sendable {
  enum Kind: Sendable {
    case array(ArrayMetadata)
    case group(ZarrFormat)
    /// No node, but on the way to one.
    case directory
    /// Why it is not known what it is.
    case unreadable(String)
  }

  /// On a mount.
  struct Cached: Equatable, Sendable {
    /// Stored chunks (shards) of which something is cached.
    var chunks: Int64
    /// Of the disk.
    var bytes: Int64
  }

  /// Relative to the start; ends with a slash, and is empty for the start itself.
  var path: ObjectKey
  var kind: Kind
  /// The remote cannot list, and no consolidated metadata tells what is below.
  var isUnlisted = false
  var cached: Cached?

  init(path: ObjectKey, kind: Kind) {
    self.path = path
    self.kind = kind
  }

  var array: ArrayMetadata? {
    if case .array(let array) = kind { return array }
    return nil
  }

  var components: [ArraySlice<UInt8>] { path.bytes.split(separator: UInt8(ascii: "/")) }

  var json: JSONText {
    var members: [(String, JSONText)] = [
      ("path", .string(String(decoding: path.bytes.dropLast(), as: UTF8.self)))
    ]
    switch kind {
    case .directory: members.append(("kind", .string("directory")))
    case .unreadable(let reason):
      members += [("kind", .string("unreadable")), ("error", .string(reason))]
    case .group(let format):
      members += [("kind", .string("group")), ("zarr_format", .integer(Int64(format.rawValue)))]
      if isUnlisted { members.append(("unlisted", .boolean(true))) }
    case .array(let array): members += Self.members(array)
    }
    if let cached {
      members += [("cached_chunks", .integer(cached.chunks)), ("cached_bytes", .integer(cached.bytes))]
    }
    return .object(members)
  }

  private static func members(_ array: ArrayMetadata) -> [(String, JSONText)] {
    func numbers(_ values: [Int64]?) -> JSONText { values.map { .array($0.map { .integer($0) }) } ?? .null }
    func number(_ value: Int64?) -> JSONText { value.map { .integer($0) } ?? .null }
    let layout = array.layout
    let isSharded = array.sharding != nil
    return [
      ("kind", .string("array")), ("zarr_format", .integer(Int64(array.format.rawValue))),
      ("shape", numbers(array.shape)), ("chunk_shape", numbers(array.innerChunkShape ?? array.chunkShape)),
      ("shard_shape", isSharded ? numbers(array.chunkShape) : .null), ("data_type", .string(array.dataType)),
      ("codecs", .array(array.codecs.map { .string($0) })),
      ("dimension_names", .array(array.dimensionNames.map { $0.map { .string($0) } ?? .null })),
      ("fill_value", .string(array.fillValue)),
      ("chunks", number((layout?.innerGrid ?? layout?.grid)?.total)),
      ("shards", isSharded ? number(layout?.grid.total) : .null),
    ]
  }

  /// One line for people.
  var line: String {
    switch kind {
    case .directory: "directory"
    case .unreadable(let reason): "unreadable: \(reason)"
    case .group(let format): "group v\(format.rawValue)" + (isUnlisted ? " (what is in it cannot be listed)" : "")
    case .array(let array): line(array)
    }
  }

  private func line(_ array: ArrayMetadata) -> String {
    let names = array.dimensionNames
    let axes = array.shape.enumerated().map { axis, length in
      names.indices.contains(axis) ? "\(names[axis].map { "\($0): " } ?? "")\(length)" : "\(length)"
    }
    var parts = ["array v\(array.format.rawValue) \(array.dataType) (\(axes.joined(separator: ", ")))"]
    if let chunk = array.innerChunkShape ?? array.chunkShape { parts.append("chunks \(Self.tuple(chunk))") }
    if let layout = array.layout {
      if array.sharding != nil, let shard = array.chunkShape {
        parts.append("shards \(Self.tuple(shard))")
        parts.append(
          Count.text(layout.innerGrid?.total, "chunk") + " in " + Count.text(layout.grid.total, "shard"))
      } else {
        parts.append(Count.text(layout.grid.total, "chunk"))
      }
    } else {
      parts.append("grid not known")
    }
    if !array.codecs.isEmpty { parts.append(array.codecs.joined(separator: " ")) }
    if let cached { parts.append("\(cached.chunks) cached (\(ByteCount.text(cached.bytes)))") }
    return parts.joined(separator: ", ")
  }

  private static func tuple(_ values: [Int64]) -> String { "(\(values.map { "\($0)" }.joined(separator: ", ")))" }
}
