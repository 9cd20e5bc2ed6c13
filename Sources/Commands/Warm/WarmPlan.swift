import Glibc
import Objects
import Platform
import Zarr

/// How much there is to read, found out before anything is read: exactly where directories can be listed.
struct WarmPlan: Sendable {
  /// Of one array.
  struct Extent: Equatable, Sendable {
    /// The numbers below are of the remote's listing; else `selected` chunks may exist or not, of a size not known.
    var isListed = false
    var selected: Int64 = 0
    var existing: Int64 = 0
    var bytes: Int64 = 0
    /// Of the existing ones: those that are cached as a whole.
    var cached: Int64 = 0
    var cachedBytes: Int64 = 0
  }

  var extents: [Extent]
  /// Existing and not cached, of the listed arrays; by their number in the grid.
  var wanted: [Wanted] = []

  struct Wanted: Sendable {
    var array: Int32
    var chunk: Int64
  }

  /// Above, telling the size would take longer than it is worth.
  private static let countLimit: Int64 = 4_000_000

  init(_ arrays: [WarmArray], _ reader: FolderReader, control: String, canList: Bool, jobs: Int) {
    extents = arrays.map { Extent(selected: $0.count) }
    guard canList else { return }
    var directories: [(array: Int, path: [UInt8])] = []
    for (number, array) in arrays.enumerated() {
      guard array.count <= Self.countLimit, array.layout.grid.total != nil, let found = array.directories else {
        continue
      }
      extents[number].isListed = true
      directories += found.map { (number, $0) }
    }
    let failed = Parallel.map(directories, jobs: jobs) { item -> Int? in
      do throws(Errno) {
        try reader.list(item.path)
        return nil
      } catch {
        // A directory that is not there holds nothing.
        return error == .noEntry || error == .notDirectory ? nil : item.array
      }
    }
    for case let number? in failed { extents[number].isListed = false }
    look(arrays, reader, control: control, jobs: jobs)
  }

  /// Asks for every selected name of the listed arrays: the daemon knows them now.
  private mutating func look(_ arrays: [WarmArray], _ reader: FolderReader, control: String, jobs: Int) {
    let listed = extents.indices.filter { extents[$0].isListed }
    let state = Monitor((feed: WarmFeed(arrays, numbers: listed), plan: self))
    Parallel.run(jobs: jobs) {
      while let chunk = state.withLock({ $0.feed.next() }) {
        let array = arrays[chunk.array]
        let status: (size: Int64, inode: UInt64)
        do throws(Errno) {
          let found = try reader.status(of: array.file(chunk.coordinates))
          status = (Int64(found.st_size), UInt64(found.st_ino))
        } catch {
          // What cannot be looked at is for reading to complain of.
          if error != .noEntry, error != .notDirectory { state.withLock { $0.plan.add(chunk, array, nil, cached: 0) } }
          continue
        }
        let cached = ControlDocument("\(control)/inodes/\(status.inode).json")?["cached_bytes"] ?? 0
        state.withLock { $0.plan.add(chunk, array, status.size, cached: cached) }
      }
    }
    self = state.withLock { $0.plan }
  }

  private mutating func add(_ chunk: WarmFeed.Chunk, _ array: WarmArray, _ size: Int64?, cached: Int64) {
    extents[chunk.array].existing += 1
    extents[chunk.array].bytes += size ?? 0
    if let size, cached >= size {
      extents[chunk.array].cached += 1
      extents[chunk.array].cachedBytes += size
    } else if let number = array.layout.grid.linearIndex(chunk.coordinates) {
      wanted.append(Wanted(array: Int32(chunk.array), chunk: number))
    }
  }

  /// All arrays together.
  var total: Extent {
    var total = Extent(isListed: extents.allSatisfy(\.isListed))
    for extent in extents {
      total.selected += extent.selected
      total.existing += extent.isListed ? extent.existing : extent.selected
      total.bytes += extent.bytes
      total.cached += extent.cached
      total.cachedBytes += extent.cachedBytes
    }
    return total
  }

  /// For people.
  static func text(_ extent: Extent, estimate: Int64?) -> String {
    guard extent.isListed else {
      let size = estimate.map { ", up to \(ByteCount.text($0)) before compression" } ?? ""
      return "up to \(Count.text(extent.selected, "chunk"))\(size)"
    }
    var text = "\(Count.text(extent.existing, "chunk")), \(ByteCount.text(extent.bytes))"
    if extent.existing < extent.selected { text += "; \(extent.selected - extent.existing) more do not exist" }
    if extent.cached > 0 { text += "; \(extent.cached) cached already (\(ByteCount.text(extent.cachedBytes)))" }
    return text
  }
}
