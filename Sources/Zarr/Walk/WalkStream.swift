/// One reader's walk over a grid: its recent accesses, the order they vote for, and how well that order foretold them.
///
/// The order is estimated from the set of recent accesses more than from their sequence, so that a reader who asks for
/// ten chunks at a time, shuffled, is understood as well as a serial one.
struct WalkStream: Sendable {
  enum Fit: Equatable {
    /// The very next one.
    case exact
    /// A little ahead, or one that was passed over: as asynchronous readers arrive.
    case near
    case none
  }

  /// Accesses kept: enough for two sweeps of common planes, few enough to estimate from at every access.
  private static let windowSize = 64
  private static let confident = 2
  private static let mostConfident = 8
  private static let dense = 0.6

  private let grid: ChunkGrid
  /// How far from the frontier an access still fits: more than the ten that zarr-python has in flight, but no large part
  /// of a small grid, where random accesses would fit by chance.
  private let tolerance: (ahead: Int64, behind: Int64)

  private(set) var window: [ChunkCoordinates]
  /// Of all accesses since the walk began.
  private var low: [Int64]
  private var high: [Int64]
  private var first: ChunkCoordinates
  /// The last known steps of axes that are too slow to have moved in the window.
  private var steps: [Int64]
  private(set) var model: WalkModel
  /// The furthest position reached.
  private(set) var frontier: Int64 = 0
  private(set) var score = 0
  private var misfits = 0
  /// Of the positions that the window spans, how many were read.
  private var density = 1.0
  private var sinceEstimate = 0
  /// The number and time of the last access.
  var lastAccess: UInt64 = 0
  var lastTime: Int64 = 0

  init(startingAt coordinates: ChunkCoordinates, grid: ChunkGrid) {
    self.grid = grid
    let total = grid.total ?? .max
    tolerance = (min(16, max(total / 16, 2)), min(24, max(total / 12, 2)))
    window = [coordinates]
    low = coordinates.values
    high = coordinates.values
    first = coordinates
    steps = [Int64](repeating: 1, count: coordinates.rank)
    model = WalkModel(base: coordinates)
  }

  /// Whether the order is believed: it foretold accesses, and they leave few gaps. A sorted choice of random chunks is
  /// foretold by chance, but passes over most of what lies between.
  var isConfident: Bool { score >= Self.confident && density >= Self.dense }

  func fit(_ coordinates: ChunkCoordinates) -> Fit {
    guard let position = model.position(of: coordinates) else { return .none }
    if position == frontier + 1 { return .exact }
    return position <= frontier + tolerance.ahead && position > frontier - tolerance.behind ? .near : .none
  }

  /// Whether an access that fits no order yet may belong to this walk: inside the box of what was read, or beside it
  /// along one axis. `recentOnly` looks at the last accesses, else at the whole walk.
  func isBeside(_ coordinates: ChunkCoordinates, recentOnly: Bool) -> Bool {
    var outside = 0
    for axis in 0..<coordinates.rank {
      var lowest = low[axis]
      var highest = high[axis]
      if recentOnly {
        lowest = .max
        highest = .min
        for access in window.suffix(32) {
          lowest = min(lowest, access[axis])
          highest = max(highest, access[axis])
        }
      }
      let reach = max(10, 4 * min(abs(steps[axis]), 1 << 32))
      let value = coordinates[axis]
      if value >= lowest, value <= highest { continue }
      guard lowest - value <= reach, value - highest <= reach else { return false }
      outside += 1
    }
    return outside <= 1
  }

  /// Takes an access in. Returns false where the walk broke off and began anew here.
  mutating func note(_ coordinates: ChunkCoordinates) -> Bool {
    let fit = fit(coordinates)
    switch fit {
    case .exact:
      score = min(score + 2, Self.mostConfident)
      misfits = max(misfits - 1, 0)
    case .near:
      score = min(score + 1, Self.mostConfident)
      misfits = max(misfits - 1, 0)
    case .none:
      score = max(score - 2, min(score, 0))
      misfits += 1
      if misfits >= 8 {
        self = WalkStream(startingAt: coordinates, grid: grid)
        // Whoever was misread once must show more.
        score = -Self.confident
        return false
      }
    }
    if window.count >= Self.windowSize + Self.windowSize / 2 { window.removeFirst(Self.windowSize / 2) }
    window.append(coordinates)
    for axis in 0..<coordinates.rank {
      low[axis] = min(low[axis], coordinates[axis])
      high[axis] = max(high[axis], coordinates[axis])
    }
    sinceEstimate += 1
    if fit == .none || window.count <= 16 || sinceEstimate >= 4 {
      estimate()
    } else if let position = model.position(of: coordinates) {
      frontier = max(frontier, position)
    }
    return true
  }

  // MARK: - The vote

  private struct Motion {
    var axis: Int
    var changes = 0
    var low: Int64
    var high: Int64
    var step: Int64 = 1
  }

  private mutating func estimate() {
    sinceEstimate = 0
    let current = window[window.count - 1]
    var motions = (0..<grid.rank).compactMap { motion(of: $0) }
    motions.sort { ($0.changes, $0.axis) > ($1.changes, $1.axis) }
    var model = WalkModel(base: current)
    guard let slowest = motions.last else {
      self.model = model
      frontier = 0
      return
    }
    let heading = direction(ofSlowest: slowest.axis)
    for index in motions.indices {
      let sign = index == motions.count - 1 ? heading : direction(of: motions[index].axis) ?? heading
      motions[index].step *= sign
      steps[motions[index].axis] = motions[index].step
    }

    // Axes that moved since the walk began, but not within the window, are slower than all that did.
    var slow = (0..<grid.rank).reversed().filter { axis in
      low[axis] < high[axis] && !motions.contains { $0.axis == axis }
    }
    for motion in motions.dropLast() { model.append(Self.digit(motion, low: motion.low, high: motion.high)) }
    let turning = motions[motions.count - 1]
    if slow.isEmpty {
      model.append(openDigit(turning.axis, step: turning.step))
      if let axis = carryAxis(motions) {
        let step: Int64 = turning.step > 0 ? 1 : -1
        model.append(openDigit(axis, step: step, from: current[axis]))
      }
    } else {
      model.append(Self.digit(turning, low: low[turning.axis], high: high[turning.axis]))
      let last = slow.removeLast()
      for axis in slow {
        let motion = Motion(axis: axis, low: low[axis], high: high[axis], step: slowStep(axis, current))
        model.append(Self.digit(motion, low: low[axis], high: high[axis]))
      }
      model.append(openDigit(last, step: slowStep(last, current)))
    }
    self.model = model
    let positions = window.compactMap { model.position(of: $0) }
    frontier = positions.max() ?? 0
    density = Double(positions.count) / Double(frontier - (positions.min() ?? 0) + 1)
  }

  /// nil for an axis that did not move.
  private func motion(of axis: Int) -> Motion? {
    var values = [Int64]()
    values.reserveCapacity(window.count)
    var changes = 0
    for (index, access) in window.enumerated() {
      values.append(access[axis])
      if index > 0, access[axis] != window[index - 1][axis] { changes += 1 }
    }
    guard changes > 0 else { return nil }
    values.sort()
    var step = Int64.max
    for index in 1..<values.count where values[index] != values[index - 1] {
      step = min(step, values[index] - values[index - 1])
    }
    return Motion(axis: axis, changes: changes, low: values[0], high: values[values.count - 1], step: step)
  }

  /// The later half of the window against the earlier one.
  private func direction(ofSlowest axis: Int) -> Int64 {
    let half = window.count / 2
    let early = window[..<half].reduce(0.0) { $0 + Double($1[axis]) } / Double(half)
    let late = window[half...].reduce(0.0) { $0 + Double($1[axis]) } / Double(window.count - half)
    if early != late { return late > early ? 1 : -1 }
    return direction(of: axis) ?? 1
  }

  /// Accesses close in time that differ along this axis alone: more ups or more downs? nil for neither.
  private func direction(of axis: Int) -> Int64? {
    var ups = 0
    for index in 1..<window.count {
      for lag in 1...min(4, index) {
        let earlier = window[index - lag]
        let later = window[index]
        guard earlier[axis] != later[axis], (0..<grid.rank).allSatisfy({ $0 == axis || earlier[$0] == later[$0] })
        else { continue }
        ups += later[axis] > earlier[axis] ? 1 : -1
      }
    }
    return ups == 0 ? nil : ups > 0 ? 1 : -1
  }

  /// The axis that will step when the slowest one that moved comes to the grid's edge. Known before it is seen where the
  /// walk so far is the beginning of the whole array, in C order or (two axes at least) in Fortran order.
  private func carryAxis(_ motions: [Motion]) -> Int? {
    let rank = grid.rank
    guard motions.count < rank else { return nil }
    if motions.indices.allSatisfy({ motions[$0].axis == rank - 1 - $0 }) { return rank - 1 - motions.count }
    if motions.count >= 2, motions.indices.allSatisfy({ motions[$0].axis == $0 }) { return motions.count }
    return nil
  }

  private func slowStep(_ axis: Int, _ current: ChunkCoordinates) -> Int64 {
    let size = max(abs(steps[axis]), 1)
    return current[axis] >= first[axis] ? size : -size
  }

  private static func digit(_ motion: Motion, low: Int64, high: Int64) -> WalkModel.Digit {
    let count = (high - low) / abs(motion.step) + 1
    return WalkModel.Digit(
      axis: motion.axis, step: motion.step, start: motion.step > 0 ? low : high, count: count)
  }

  /// A digit that goes on to the edge of the grid.
  private func openDigit(_ axis: Int, step: Int64, from start: Int64? = nil) -> WalkModel.Digit {
    let begin = start ?? (step > 0 ? low[axis] : high[axis])
    let room = step > 0 ? grid.counts[axis] - 1 - begin : begin
    return WalkModel.Digit(axis: axis, step: step, start: begin, count: room / abs(step) + 1)
  }
}
