import Objects
import Platform

/// What was shown of the control files: each lookup of one makes its content, under a number of its own, so that what
/// the kernel keeps of one reading is never taken for the next. Dropped when the kernel forgets the number.
final class ControlFiles: Sendable {
  struct Snapshot {
    var bytes: [UInt8]
    var lookups: UInt64
  }

  private struct State {
    var snapshots: [UInt64: Snapshot] = [:]
    var next = InodeNumber.firstSnapshot.rawValue
  }

  static let directoryName: EntryName = ".zarrfs"
  static let statisticsName: EntryName = "stats.json"
  static let configurationName: EntryName = "config.json"
  static let inodesName: EntryName = "inodes"
  /// The kernel drops these numbers quickly; should it not, the oldest go.
  private static let limit = 4096

  let configuration: JSONText
  let statistics: @Sendable () -> [(String, JSONText)]
  private let state = Monitor(State())

  init(configuration: JSONText, statistics: @escaping @Sendable () -> [(String, JSONText)]) {
    self.configuration = configuration
    self.statistics = statistics
  }

  /// Keeps the content, with one reference of the kernel's.
  func add(_ bytes: [UInt8]) -> InodeNumber {
    state.withLock { state in
      if state.snapshots.count >= Self.limit, let oldest = state.snapshots.keys.min() { state.snapshots[oldest] = nil }
      let number = state.next
      state.next += 1
      state.snapshots[number] = Snapshot(bytes: bytes, lookups: 1)
      return InodeNumber(number)
    }
  }

  func size(of inode: InodeNumber) -> Int64? {
    state.withLock { $0.snapshots[inode.rawValue].map { Int64($0.bytes.count) } }
  }

  func forget(_ inode: InodeNumber, count: UInt64) {
    state.withLock { state in
      guard let snapshot = state.snapshots[inode.rawValue] else { return }
      if snapshot.lookups <= count {
        state.snapshots[inode.rawValue] = nil
      } else {
        state.snapshots[inode.rawValue]?.lookups -= count
      }
    }
  }

  func read(_ inode: InodeNumber, _ range: ByteRange, _ answer: (ReadAnswer) -> Void) {
    guard let bytes = state.withLock({ $0.snapshots[inode.rawValue]?.bytes }) else { return answer(.failed(.stale)) }
    let count = Int64(bytes.count)
    let clipped = Int(min(range.lowerBound, count))..<Int(min(range.upperBound, count))
    bytes.withUnsafeBytes { answer(.bytes(UnsafeRawBufferPointer(rebasing: $0[clipped]))) }
  }
}
