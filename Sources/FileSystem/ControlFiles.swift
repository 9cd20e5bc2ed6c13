import Objects
import Platform

/// What was shown of the control files: each lookup of one makes its content, under a number of its own, so that what
/// the kernel keeps of one reading is never taken for the next. Dropped when the kernel forgets the number.
final class ControlFiles: Sendable {
  private enum Content {
    case bytes([UInt8])
    /// What the first READ does; it gives the content.
    case action(@Sendable () -> [UInt8])
    case running
  }

  private struct Snapshot {
    var content: Content
    var size: Int64
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
  static let cachedName: EntryName = "cached"
  static let evictName: EntryName = "evict"
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
  func add(_ bytes: [UInt8]) -> InodeNumber { add(.bytes(bytes), size: Int64(bytes.count)) }

  /// A file whose first READ does something and then has the content, of `size` bytes. Looking does nothing.
  func add(size: Int64, doing action: @escaping @Sendable () -> [UInt8]) -> InodeNumber {
    add(.action(action), size: size)
  }

  private func add(_ content: Content, size: Int64) -> InodeNumber {
    state.withLock { state in
      if state.snapshots.count >= Self.limit, let oldest = state.snapshots.keys.min() { state.snapshots[oldest] = nil }
      let number = state.next
      state.next += 1
      state.snapshots[number] = Snapshot(content: content, size: size, lookups: 1)
      return InodeNumber(number)
    }
  }

  func size(of inode: InodeNumber) -> Int64? {
    state.withLock { $0.snapshots[inode.rawValue]?.size }
  }

  /// Whether reading it does something: for its owner alone.
  func isAction(_ inode: InodeNumber) -> Bool {
    state.withLock { state in
      if case .bytes? = state.snapshots[inode.rawValue]?.content { return false }
      return true
    }
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

  /// Whether the answer is still to come: an action is done on a thread of its own.
  func read(
    _ inode: InodeNumber, _ range: ByteRange, _ answer: @escaping @Sendable (ReadAnswer) -> Void
  ) -> Bool {
    let content = state.withLock { state -> Content? in
      guard let content = state.snapshots[inode.rawValue]?.content else { return nil }
      if case .action = content { state.snapshots[inode.rawValue]?.content = .running }
      return content
    }
    switch content {
    case nil: answer(.failed(.stale))
    case .running: answer(.failed(.busy))
    case .bytes(let bytes): Self.give(bytes, range, answer)
    case .action(let action):
      let work: @Sendable () -> Void = { [self] in
        let bytes = action()
        state.withLock { $0.snapshots[inode.rawValue]?.content = .bytes(bytes) }
        Self.give(bytes, range, answer)
      }
      do throws(Errno) { try Thread.startDetached("control", work) } catch { work() }
      return true
    }
    return false
  }

  private static func give(_ bytes: [UInt8], _ range: ByteRange, _ answer: (ReadAnswer) -> Void) {
    let count = Int64(bytes.count)
    let clipped = Int(min(range.lowerBound, count))..<Int(min(range.upperBound, count))
    bytes.withUnsafeBytes { answer(.bytes(UnsafeRawBufferPointer(rebasing: $0[clipped]))) }
  }
}
