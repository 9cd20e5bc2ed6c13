import Platform

/// How long things took of late: a histogram whose memory fades. Pure.
///
/// Buckets are quarters of an octave from 1 ms on, so a quantile is at most 25 % too long and never too short (but for
/// what took over 17 minutes). Weights are halved at every so many samples: the last thousand or two are what counts.
struct LatencyHistogram: Sendable {
  private static let octaves = 20
  /// A quarter of a millisecond: four of them are the first bucket's lower bound.
  private static let unit: Int64 = 250_000
  private static let horizon = 1000.0

  private var weights = [Double](repeating: 0, count: 4 * octaves)
  /// Sum of the weights: the number of samples, until they begin to fade.
  private(set) var weight = 0.0

  mutating func record(_ interval: Interval) {
    weights[Self.bucket(of: interval)] += 1
    weight += 1
    guard weight >= 2 * Self.horizon else { return }
    for index in weights.indices { weights[index] /= 2 }
    weight /= 2
  }

  /// The upper bound of the bucket below which so many of the samples lie. nil without samples.
  func quantile(_ share: Double) -> Interval? {
    guard weight > 0 else { return nil }
    var below = 0.0
    for (index, weight) in weights.enumerated() {
      below += weight
      if below >= share * self.weight { return Self.upperBound(index) }
    }
    return Self.upperBound(weights.count - 1)
  }

  private static func bucket(of interval: Interval) -> Int {
    let units = max(4, interval.nanoseconds / unit)
    let octave = 63 - units.leadingZeroBitCount - 2
    return min(4 * octaves - 1, 4 * octave + Int(units >> Int64(octave)) - 4)
  }

  private static func upperBound(_ bucket: Int) -> Interval {
    Interval(nanoseconds: (Int64(bucket % 4 + 5) << Int64(bucket / 4)) * unit)
  }
}
