import Objects
import Platform
import Zarr

/// Which names of an array exist, by one listing of everything below it. Pure.
struct ArrayPresence: Sendable {
  enum State: Equatable, Sendable {
    case none
    case running
    /// Everything below the array's key was seen, by a listing that began at `at`.
    case complete(at: WallTime)
    /// Longer than is worth knowing, or broken off.
    case abandoned(at: WallTime)
  }

  /// Names beside the chunks that are remembered; an array with more keeps none.
  static let besides = 256

  private let layout: ArrayLayout
  private(set) var state = State.none
  private var present: [UInt64] = []
  private var beside: Set<ObjectKey> = []
  private var hasTooManyBeside = false

  init(_ layout: ArrayLayout) { self.layout = layout }

  mutating func begin() {
    state = .running
    present = Array(repeating: 0, count: Int(((layout.grid.total ?? 0) + 63) / 64))
    beside = []
    hasTooManyBeside = false
  }

  mutating func end(complete: Bool, at asked: WallTime) {
    state = complete ? .complete(at: asked) : .abandoned(at: asked)
  }

  /// What is stale says nothing any more.
  mutating func expire(_ freshness: Freshness) {
    switch state {
    case .complete(let at), .abandoned(let at):
      if freshness.remaining(validated: at) == nil { state = .none }
    case .none, .running: break
    }
  }

  /// A key of the listing, relative to the array's.
  mutating func insert(_ path: ObjectKey) {
    if let coordinates = layout.coordinates(path.bytes), let index = layout.grid.linearIndex(coordinates) {
      present[Int(index / 64)] |= 1 << UInt64(index % 64)
    } else if beside.count < Self.besides {
      beside.insert(path)
    } else {
      hasTooManyBeside = true
    }
  }

  /// Since when it is known that there is no such chunk; nil where it may exist.
  func absence(of coordinates: ChunkCoordinates) -> WallTime? {
    guard case .complete(let at) = state, let index = layout.grid.linearIndex(coordinates),
      present[Int(index / 64)] & 1 << UInt64(index % 64) == 0
    else { return nil }
    return at
  }

  /// Since when it is known that there is nothing of this path beside the chunks, nor below it.
  func absence(beside path: ObjectKey) -> WallTime? {
    guard case .complete(let at) = state, !hasTooManyBeside else { return nil }
    let below = path.bytes + [UInt8(ascii: "/")]
    return beside.contains { $0 == path || $0.bytes.starts(with: below) } ? nil : at
  }
}
