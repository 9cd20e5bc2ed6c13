package import Platform

/// What the line to the remote does, from the GETs that go over it: how long a first byte takes, and how fast the bytes of
/// one GET follow. Pure.
///
/// The least delay and the greatest rate are what the line can do; what is more or less had to wait for others. So better
/// values count at once, and worse ones by a sixteenth each: a line that became slow is known after some 40 GETs.
package struct LinkEstimator: Sendable {
  /// A shorter body comes out of the socket's buffer at once, and says nothing of the rate.
  private static let shortest: Int64 = 128 << 10
  /// Whatever was measured: one walk takes no more.
  private static let most = 64.0 * 1024 * 1024

  /// In seconds; nil until measured.
  package private(set) var latency: Double?
  /// In bytes a second; nil until measured.
  package private(set) var rate: Double?

  package init() {}

  /// A GET was answered: its first byte after `firstByte`, then `bytes` in `duration`.
  package mutating func note(firstByte: Interval, bytes: Int64, duration: Interval) {
    if firstByte > .zero {
      let known = latency ?? .infinity
      latency = firstByte.seconds < known ? firstByte.seconds : known + (firstByte.seconds - known) / 16
    }
    if bytes >= Self.shortest, duration > .zero {
      let measured = Double(bytes) / duration.seconds
      let known = rate ?? 0
      rate = measured > known ? measured : known + (measured - known) / 16
    }
  }

  /// Bytes that one connection brings in the time of one round trip; 0 until both are known.
  package var roundTripBytes: Int64 {
    guard let latency, let rate else { return 0 }
    return Int64(min(latency * rate, Self.most))
  }
}
