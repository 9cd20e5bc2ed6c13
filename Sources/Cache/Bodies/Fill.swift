package import Objects
import Platform
import Synchronization

/// Bytes on their way into a body, in order. Appended and finished by one thread at a time; may be handed from one to
/// another. `written` and `read` are for any thread, also meanwhile.
/// Room that was not used is given back by `finish`, or at the end of its life.
package final class Fill: @unchecked Sendable {
  /// Whole blocks; the last one of the object may be short.
  package let range: ByteRange
  /// Bytes appended so far: `range.lowerBound..<range.lowerBound + written` can be read with `read`.
  package var written: Int64 { progress.load(ordering: .acquiring) }

  /// Stored after the bytes are in the file.
  private let progress = Atomic<Int64>(0)

  private let body: Body
  private let file: OpenFile
  private let epoch: Int
  private var room: Int64
  /// Of the block that is being written.
  private var checksum: UInt32 = 0
  /// Of the blocks that are whole.
  private var checksums: [UInt32] = []
  private var hasFailed = false

  init(of body: Body, range: ByteRange, file: OpenFile, epoch: Int, room: Int64) {
    self.body = body
    self.range = range
    self.file = file
    self.epoch = epoch
    self.room = room
    checksums.reserveCapacity(Int((Int64(range.count) + BlockGeometry.blockSize - 1) / BlockGeometry.blockSize))
  }

  deinit { finish() }

  /// Writes the next bytes. False: the cache failed (ENOSPC, EIO), or they are more than `range`; go on in memory.
  /// What was written whole before stays good. The corresponding C function is `pwrite`.
  package func append(_ bytes: UnsafeRawBufferPointer) -> Bool {
    guard !bytes.isEmpty else { return !hasFailed }
    guard !hasFailed, room > 0, written + Int64(bytes.count) <= Int64(range.count), write(bytes) else {
      hasFailed = true
      return false
    }
    var rest = bytes
    var written = written
    while !rest.isEmpty {
      let inBlock = written % BlockGeometry.blockSize
      let left = min(BlockGeometry.blockSize - inBlock, Int64(range.count) - written)
      let count = min(Int(left), rest.count)
      checksum = Checksum.adding(UnsafeRawBufferPointer(rebasing: rest[..<count]), to: checksum)
      written += Int64(count)
      rest = UnsafeRawBufferPointer(rebasing: rest[count...])
      if written % BlockGeometry.blockSize == 0 || written == Int64(range.count) {
        checksums.append(checksum)
        checksum = 0
      }
    }
    progress.store(written, ordering: .releasing)
    return true
  }

  /// A full disk gets one more try, after an eviction.
  private func write(_ bytes: UnsafeRawBufferPointer) -> Bool {
    for attempt in 0..<2 {
      do throws(Errno) {
        try file.descriptor.write(bytes, at: range.lowerBound + written)
        body.cache.writing.succeeded()
        return true
      } catch {
        if error == .noSpace, attempt == 0, body.cache.evict(bytes: max(Int64(bytes.count), 4 << 20)) > 0 { continue }
        body.cache.failed("write", error, in: body.cache.writing)
        return false
      }
    }
    return false
  }

  /// Reads bytes that were appended, or that are present in the body.
  package func read(_ range: ByteRange, into buffer: UnsafeMutableRawBufferPointer) -> Bool {
    guard buffer.count >= range.count else { return false }
    let own = range.clamped(to: self.range.lowerBound..<self.range.lowerBound + written)
    guard !own.isEmpty else { return body.read(range, into: buffer) }
    func part(_ piece: ByteRange) -> UnsafeMutableRawBufferPointer {
      let start = Int(piece.lowerBound - range.lowerBound)
      return UnsafeMutableRawBufferPointer(rebasing: buffer[start..<start + piece.count])
    }
    let before = range.lowerBound..<own.lowerBound
    let after = own.upperBound..<range.upperBound
    guard before.isEmpty || body.read(before, into: part(before)) else { return false }
    guard after.isEmpty || body.read(after, into: part(after)) else { return false }
    return readFile(own, into: part(own))
  }

  /// Reads bytes that were appended, from any thread, also while more are appended or after `finish`: whoever appends
  /// said so through a lock. False: they cannot be read, or the body lost its file meanwhile.
  package func readArrived(_ range: ByteRange, into buffer: UnsafeMutableRawBufferPointer) -> Bool {
    guard buffer.count >= range.count else { return false }
    let slice = UnsafeMutableRawBufferPointer(rebasing: buffer[..<range.count])
    return readFile(range, into: slice) && body.state.withLock { $0.epoch } == epoch
  }

  private func readFile(_ range: ByteRange, into buffer: UnsafeMutableRawBufferPointer) -> Bool {
    do throws(Errno) {
      return try file.descriptor.read(into: buffer, at: range.lowerBound) == range.count
    } catch {
      body.cache.failed("read", error, in: body.cache.reading)
      return false
    }
  }

  /// What was written turned out to be wrong: none of it becomes present.
  package func discard() {
    hasFailed = true
    checksums = []
    finish()
  }

  /// The whole blocks that were written become present; a partial tail is dropped, unless it ends the object.
  package func finish() {
    guard room > 0 else { return }
    defer {
      body.cache.release(room)
      room = 0
    }
    var blocks: [Int64: (present: UInt64, checksums: [UInt32])] = [:]
    let first = range.lowerBound / BlockGeometry.blockSize
    for (offset, checksum) in checksums.enumerated() {
      let (number, index) = (first + Int64(offset)).quotientAndRemainder(dividingBy: BlockGeometry.blocksPerSegment)
      var segment =
        blocks[number] ?? (0, [UInt32](repeating: 0, count: Int(BlockGeometry.blocksPerSegment)))
      segment.present |= 1 << UInt64(index)
      segment.checksums[Int(index)] = checksum
      blocks[number] = segment
    }
    // Also when no block is whole: the file may have grown.
    guard written > 0 else { return }
    body.cache.settle(body.add(blocks, file: file, epoch: epoch))
  }
}
