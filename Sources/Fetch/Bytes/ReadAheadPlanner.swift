package import Objects

/// What to have ahead of the readers of one object: belongs to the inode, not to a handle, because some readers open a
/// file anew for every piece (design.md section 8).
///
/// Several streams are followed at once. A READ that goes on where a stream stands, or a little before or after it (the
/// kernel's own read-ahead arrives out of order), feeds it; any other begins a stream and drops the one unused for
/// longest. So a reader of the tail, or a random one, costs nothing and breaks nothing. A stream gets a window once it has
/// run for `threshold` bytes: an inner chunk of a shard, 242 KB in two READs (`readers.md` 1), must not start one.
package struct ReadAheadPlanner: Sendable {
  package struct Limits: Equatable, Sendable {
    /// First window.
    package var first: Int64 = 1 << 20
    /// Bytes read in a row before there is a window.
    package var threshold: Int64 = 512 << 10
    /// Largest window.
    package var largest: Int64 = 64 << 20
    package var streams = 4

    package init() {}
  }

  fileprivate struct Stream {
    /// Where the run began.
    var start: Int64
    /// After the furthest byte read.
    var position: Int64
    var window: Int64 = 0
    /// After the furthest byte asked for ahead.
    var horizon: Int64
    var lastUse: UInt64
  }

  private static let reorderSlack: Int64 = 1 << 20
  private static let skipSlack: Int64 = 256 << 10

  private var streams: [Stream] = []
  private var uses: UInt64 = 0

  package init() {}

  package var streamCount: Int { streams.count }

  /// A READ came. What to fetch ahead now; nil: nothing. Each byte ahead is named once while its stream lives.
  package mutating func note(_ range: ByteRange, size: Int64, limits: Limits) -> ByteRange? {
    uses += 1
    guard let index = stream(for: range) else {
      begin(range, limits: limits)
      return nil
    }
    streams[index].lastUse = uses
    guard range.upperBound > streams[index].position else { return nil }
    streams[index].position = range.upperBound
    return streams[index].advance(size: size, limits: limits)
  }

  private func stream(for range: ByteRange) -> Int? {
    streams.indices.filter { index in
      let stream = streams[index]
      // Beyond the position also as far as was asked ahead: the reader may skip what it does not need.
      return range.lowerBound >= stream.position - Self.reorderSlack
        && range.lowerBound <= max(stream.position + Self.skipSlack, stream.horizon)
    }.min { abs(streams[$0].position - range.lowerBound) < abs(streams[$1].position - range.lowerBound) }
  }

  private mutating func begin(_ range: ByteRange, limits: Limits) {
    if streams.count >= limits.streams,
      let oldest = streams.indices.min(by: { streams[$0].lastUse < streams[$1].lastUse })
    {
      streams.remove(at: oldest)
    }
    streams.append(
      Stream(start: range.lowerBound, position: range.upperBound, horizon: range.upperBound, lastUse: uses))
  }
}

extension ReadAheadPlanner.Stream {
  fileprivate mutating func advance(size: Int64, limits: ReadAheadPlanner.Limits) -> ByteRange? {
    horizon = max(horizon, position)
    guard position - start >= limits.threshold, limits.largest > 0 else { return nil }
    if window == 0 {
      window = min(limits.first, limits.largest)
    } else {
      // Half of the window is read: time for a larger one.
      guard horizon - position <= window / 2 else { return nil }
      window = min(window * 2, limits.largest)
    }
    let upper = min(position + window, size)
    guard upper > horizon else { return nil }
    defer { horizon = upper }
    return horizon..<upper
  }
}
