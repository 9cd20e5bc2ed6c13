package import Objects
import Platform
import Synchronization

/// An object's bytes near: one version, shared by its readers. Its file is unlinked only when the last one lets go.
///
/// Hold it for the length of a request, not longer: what is held cannot be evicted.
///
/// `state` is never held across I/O or another lock.
package final class Body: Sendable {
  package let inode: InodeNumber
  /// Of the whole object, in bytes.
  package let size: Int64

  let cache: BlockCache
  /// Tells this object from a later one of the same inode.
  let serial: UInt64
  let state: Monitor<State>
  let isTouched = Atomic<Bool>(false)

  /// Segments remembered at most: the presence of 1 GiB. Others are loaded when asked for.
  static let segmentLimit = 512

  struct State {
    var segments: [Int64: BodySegment] = [:]
    /// Grows when blocks are dropped: what was loaded, opened or begun before is void.
    var epoch = 0
    var file: OpenFile?
    var isOpening = false
    /// Evicted: goes on as it is, and takes no more.
    var isDoomed = false
    var storageClass: StorageClass
    /// Written into the row as soon as there is one.
    var kept: ByteRange?

    mutating func insert(_ segment: BodySegment, at number: Int64) {
      if segments.count >= Body.segmentLimit, segments[number] == nil, let other = segments.keys.first {
        segments[other] = nil
      }
      segments[number] = segment
    }
  }

  private enum Step {
    case absent
    case load(Int64, epoch: Int)
    case verify(Int64, BodySegment, OpenFile, epoch: Int)
    case open
    case ready(OpenFile)
  }

  /// `row`: what the index has of it. A trimmed one is filled anew, and then of the class that is asked for.
  init(
    inode: InodeNumber, size: Int64, class storageClass: StorageClass, row: BodyRow?, cache: BlockCache, serial: UInt64
  ) {
    self.inode = inode
    self.size = size
    self.cache = cache
    self.serial = serial
    let known = row.flatMap { $0.isTrimmed ? nil : $0.storageClass }
    state = Monitor(State(storageClass: known ?? storageClass, kept: row?.kept))
  }

  deinit { cache.letGo(inode, serial: serial) }

  // MARK: Reading

  /// Reads, if every block of `range` is present, `range.count` bytes. False: not all present, or the read failed, or a
  /// block was damaged (it is dropped and counted): fetch again. Blocks written before an unclean stop are checked
  /// against their checksums first. The corresponding C function is `pread`.
  package func read(_ range: ByteRange, into buffer: UnsafeMutableRawBufferPointer) -> Bool {
    guard !range.isEmpty else { return true }
    guard range.lowerBound >= 0, range.upperBound <= size, buffer.count >= range.count else { return false }
    guard let file = present(range) else { return false }
    do throws(Errno) {
      let slice = UnsafeMutableRawBufferPointer(rebasing: buffer[..<range.count])
      if try file.descriptor.read(into: slice, at: range.lowerBound) == range.count {
        cache.reading.succeeded()
        return true
      }
      // Someone cut the file.
      lose()
    } catch {
      cache.failed("read", error, in: cache.reading)
    }
    return false
  }

  /// The open file, if every block of the range is present and trusted. `verifying`: those that are to be checked first
  /// are; else they count as not present.
  private func present(_ range: ByteRange, verifying: Bool = true) -> OpenFile? {
    while true {
      switch step(range) {
      case .ready(let file): return file
      case .absent: return nil
      case .load(let number, let epoch): load(number, epoch: epoch)
      case .verify where !verifying: return nil
      case .verify(let number, let segment, let file, let epoch): verify(number, segment, file, epoch: epoch)
      case .open: if open(creating: false) == nil { return nil }
      }
    }
  }

  private func step(_ range: ByteRange) -> Step {
    state.withLock { state in
      for number in BodySegment.numbers(range) {
        guard let segment = state.segments[number] else { return .load(number, epoch: state.epoch) }
        let mask = BodySegment.mask(range, in: number)
        guard segment.present & mask == mask else { return .absent }
        if segment.suspect & mask != 0 {
          guard let file = state.file else { return .open }
          return .verify(number, segment, file, epoch: state.epoch)
        }
      }
      guard let file = state.file else { return .open }
      return .ready(file)
    }
  }

  /// Has the disk read the whole body, if all of it is present and trusted: its reader is about to come.
  func willBeRead() {
    if size > 0, let file = present(0..<size, verifying: false) { file.descriptor.willNeed(0..<size) }
  }

  /// Remembers as much as it may, because its rows are about to go.
  func loadAll() {
    let rows = cache.index.segments(of: inode, after: -1, limit: Self.segmentLimit)
    state.withLock { state in
      for (number, row) in rows where state.segments[number] == nil { state.insert(BodySegment(row), at: number) }
    }
  }

  private func load(_ number: Int64, epoch: Int) {
    let segment = cache.index.segment(number, of: inode).map { BodySegment($0) } ?? BodySegment()
    state.withLock { state in
      guard state.epoch == epoch, state.segments[number] == nil else { return }
      state.insert(segment, at: number)
    }
  }

  /// Whether every block of `range` is said to be present; `read` may still find it damaged.
  package func contains(_ range: ByteRange) -> Bool {
    range.isEmpty || missing(in: range, clipped: false).isEmpty
  }

  /// What must be fetched for `range`: whole blocks (the last one of the object may be short), neighbours merged, in
  /// order.
  package func missing(in range: ByteRange) -> [ByteRange] { missing(in: range, clipped: true) }

  private func missing(in range: ByteRange, clipped: Bool) -> [ByteRange] {
    let range = range.clamped(to: 0..<size)
    guard !range.isEmpty else { return [] }
    var result: [ByteRange] = []
    for number in BodySegment.numbers(range) {
      var absent = BodySegment.mask(range, in: number) & ~presence(of: number)
      while absent != 0 {
        let block = BodySegment.range(ofBlock: absent.trailingZeroBitCount, in: number, size: size)
        if let last = result.last, last.upperBound == block.lowerBound {
          result[result.count - 1] = last.lowerBound..<block.upperBound
        } else {
          result.append(block)
        }
        absent &= absent - 1
      }
      if !clipped, !result.isEmpty { break }
    }
    return result
  }

  private func presence(of number: Int64) -> UInt64 {
    while true {
      let (known, epoch) = state.withLock { ($0.segments[number]?.present, $0.epoch) }
      if let known { return known }
      load(number, epoch: epoch)
    }
  }

  /// Says that the body was used: for the eviction's order. Cheap; written down about once a second.
  package func touch() {
    guard !isTouched.load(ordering: .relaxed), !isTouched.exchange(true, ordering: .relaxed) else { return }
    cache.noteTouched(inode)
  }

  // MARK: Filling

  /// Makes room for whole blocks around `range`, evicting others, before they are downloaded. nil: there is no room, or
  /// the cache does not work at the moment; go on in memory.
  package func beginFill(_ range: ByteRange) -> Fill? {
    let range = BlockGeometry.covering(range.clamped(to: 0..<size), size: size)
    guard !range.isEmpty, !state.withLock({ $0.isDoomed }), cache.takesMore else { return nil }
    // Whole pages, and what the file system needs to say where they are.
    let room = (Int64(range.count) + 4095) / 4096 * 4096 + max(64 << 10, Int64(range.count) / 256)
    guard cache.reserve(room) else { return nil }
    guard let (file, epoch) = openForFilling() else {
      cache.release(room)
      return nil
    }
    return Fill(of: self, range: range, file: file, epoch: epoch, room: room)
  }

  /// Blocks that are in `file` now become present.
  func add(
    _ blocks: [Int64: (present: UInt64, checksums: [UInt32])], file: OpenFile, epoch: Int
  ) -> Int64 {
    let (isVoid, storageClass, kept) = state.withLock { ($0.isDoomed || $0.epoch != epoch, $0.storageClass, $0.kept) }
    guard !isVoid else { return 0 }
    let (difference, rows) = cache.index.addBlocks(
      blocks, to: file, of: inode, size: size, storageClass: storageClass, kept: kept, at: cache.time.now())
    let keptNow = state.withLock { state in
      guard state.epoch == epoch else { return state.kept }
      for (number, row) in rows {
        var segment = state.segments[number] ?? BodySegment(row)
        let added = blocks[number]?.present ?? 0
        segment.present |= added
        segment.suspect &= ~added
        state.insert(segment, at: number)
      }
      return state.kept
    }
    // Told while there was no row yet.
    if let keptNow, keptNow != kept { cache.index.keep(keptNow, of: inode) }
    return difference
  }
}
