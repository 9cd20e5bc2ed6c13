import Cache
import Objects
import Platform

/// Where the bytes of a part go: into the cache's fill while that works, else, from the block where it broke, into memory.
///
/// One thread appends and finishes. Any thread may read what it was told has arrived.
final class PartStorage: Sendable {
  private struct Places {
    var fill: Fill?
    /// Begins where the fill broke; nil while it works.
    var memory: MemoryWindow?
    var arrived: Int64 = 0
  }

  let range: ByteRange
  private let places: Monitor<Places>

  /// `fill` nil: all of it goes to memory.
  init(_ range: ByteRange, fill: Fill?) {
    self.range = range
    let memory = fill == nil ? MemoryWindow(range) : nil
    places = Monitor(Places(fill: fill, memory: memory))
  }

  var isInMemory: Bool { places.withLock { $0.fill == nil } }

  /// False: the bytes are lost; the part must be fetched again.
  func append(_ bytes: UnsafeRawBufferPointer) -> Bool {
    let (fill, memory, arrived) = snapshot()
    defer { places.withLock { $0.arrived = arrived + Int64(bytes.count) } }
    if let memory {
      memory.append(bytes)
      return true
    }
    guard let fill else { return false }
    if fill.append(bytes) { return true }
    // The cache failed: go on in memory from the last whole block, which is all that the fill can keep.
    let position = range.lowerBound + arrived
    let start = max(range.lowerBound, position / BlockGeometry.blockSize * BlockGeometry.blockSize)
    let rest = MemoryWindow(start..<range.upperBound)
    if start < position {
      guard rest.append(count: Int(position - start), { fill.readArrived(start..<position, into: $0) }) else {
        return false
      }
    }
    fill.finish()
    rest.append(bytes)
    places.withLock { $0.memory = rest }
    return true
  }

  /// No more comes. `keep`: the bytes are right, let them stay. What is in memory, to be kept for a moment.
  func finish(keep: Bool) -> MemoryWindow? {
    let (fill, memory, _) = snapshot()
    if memory == nil { keep ? fill?.finish() : fill?.discard() }
    return keep ? memory : nil
  }

  /// Copies bytes that arrived. False: they cannot be read any more.
  func read(_ wanted: ByteRange, into destination: UnsafeMutableRawBufferPointer) -> Bool {
    let (fill, memory, _) = snapshot()
    let split = memory.map { min(max($0.range.lowerBound, wanted.lowerBound), wanted.upperBound) } ?? wanted.upperBound
    let near = wanted.lowerBound..<split
    if !near.isEmpty {
      let place = UnsafeMutableRawBufferPointer(rebasing: destination[..<near.count])
      guard fill?.readArrived(near, into: place) ?? false else { return false }
    }
    if split < wanted.upperBound {
      memory?.read(split..<wanted.upperBound, into: UnsafeMutableRawBufferPointer(rebasing: destination[near.count...]))
    }
    return true
  }

  private func snapshot() -> (fill: Fill?, memory: MemoryWindow?, arrived: Int64) {
    places.withLock { ($0.fill, $0.memory, $0.arrived) }
  }
}
