import Glibc
import Objects
import Platform
import Zarr

/// Reads chunks through the mount, some at once, and counts.
final class WarmReading: Sendable {
  private struct State {
    var progress: WarmProgress
    var wanted: ArraySlice<WarmPlan.Wanted>
    /// What no listing told of.
    var feed: WarmFeed
    var isOver = false
  }

  private let arrays: [WarmArray]
  private let reader: FolderReader
  private let control: String
  private let state: Monitor<State>

  init(_ plan: WarmPlan, _ arrays: [WarmArray], _ reader: FolderReader, control: String) {
    self.arrays = arrays
    self.reader = reader
    self.control = control
    let unlisted = plan.extents.indices.filter { !plan.extents[$0].isListed }
    let total = plan.total
    state = Monitor(
      State(
        progress: WarmProgress(
          chunks: total.existing - total.cached, bytes: total.isListed ? total.bytes - total.cachedBytes : nil),
        wanted: plan.wanted[...], feed: WarmFeed(arrays, numbers: unlisted)))
  }

  /// Until all is read. `watch` is called every `interval` on the calling thread, and at the end.
  func run(jobs: Int, every interval: Interval, _ watch: (WarmProgress, Interval) -> Void) -> WarmProgress {
    let time = SystemTimeSource()
    let start = time.monotonic()
    let all: @Sendable () -> Void = { [self] in
      Parallel.run(jobs: jobs) { self.work() }
      state.withLockNotifying { $0.isOver = true }
    }
    let thread = try? Thread.start("warm", all)
    if thread == nil { all() }
    while state.wait(until: time.monotonic() + interval, { $0.isOver ? true : nil }) == nil {
      watch(state.withLock { $0.progress }, time.monotonic() - start)
    }
    thread?.join()
    let progress = state.withLock { $0.progress }
    watch(progress, time.monotonic() - start)
    return progress
  }

  private func work() {
    let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 20, alignment: 4096)
    defer { buffer.deallocate() }
    while let (file, isListed) = next() {
      do throws(Errno) {
        try read(file, isListed: isListed, into: buffer)
      } catch {
        state.withLock { state in
          if error == .noEntry || error == .notDirectory {
            state.progress.absent += 1
          } else {
            state.progress.fail("\(Log.printable(String(decoding: file, as: UTF8.self))): \(error)")
          }
        }
      }
      state.withLock { $0.progress.done += 1 }
    }
  }

  private func next() -> (file: [UInt8], isListed: Bool)? {
    let (wanted, chunk) = state.withLock { state in
      state.wanted.popFirst().map { ($0, nil) } ?? (nil, state.feed.next())
    }
    if let wanted {
      let array = arrays[Int(wanted.array)]
      return array.layout.grid.coordinates(linearIndex: wanted.chunk).map { (array.file($0), true) }
    }
    return chunk.map { (arrays[$0.array].file($0.coordinates), false) }
  }

  private func read(_ path: [UInt8], isListed: Bool, into buffer: UnsafeMutableRawBufferPointer) throws(Errno) {
    let file = try reader.open(path)
    if !isListed {
      let status = try file.status()
      if let cached = ControlDocument("\(control)/inodes/\(status.st_ino).json")?["cached_bytes"], cached > 0,
        cached >= Int64(status.st_size)
      {
        return state.withLock { $0.progress.skipped += 1 }
      }
    }
    // Pages that the kernel kept would hide that the daemon's cache has lost the bytes.
    posix_fadvise(file.rawValue, 0, 0, POSIX_FADV_DONTNEED)
    var offset: Int64 = 0
    while true {
      let count = try file.read(into: buffer, at: offset)
      offset += Int64(count)
      state.withLock { $0.progress.read += Int64(count) }
      if count < buffer.count { return }
    }
  }
}
