/// A dictionary that holds so many entries and drops the one not used for the longest time. All in O(1).
package struct LeastRecentlyUsed<Key: Hashable & Sendable, Value> {
  fileprivate struct Node {
    var key: Key
    var value: Value
    var newer: Int
    var older: Int
  }

  private static var none: Int { -1 }

  private let capacity: Int
  private var places: [Key: Int] = [:]
  private var nodes: [Node?] = []
  private var free: [Int] = []
  private var newest = -1
  private var oldest = -1

  package init(capacity: Int) {
    precondition(capacity > 0)
    self.capacity = capacity
  }

  package var count: Int { places.count }
  package var isEmpty: Bool { places.isEmpty }

  package func contains(_ key: Key) -> Bool { places[key] != nil }

  /// The value, which is now the newest.
  package mutating func use(_ key: Key) -> Value? {
    guard let place = places[key] else { return nil }
    touch(place)
    return nodes[place]?.value
  }

  /// Changes a value in place, making it the newest; the closure's result, nil where there is none.
  package mutating func update<Result>(_ key: Key, _ body: (inout Value) -> Result) -> Result? {
    guard let place = places[key], nodes[place] != nil else { return nil }
    touch(place)
    return body(&nodes[place]!.value)
  }

  /// Puts a value in as the newest; what had to go for it, the value replaced included.
  @discardableResult
  package mutating func insert(_ value: Value, for key: Key) -> Value? {
    if let place = places[key], let node = nodes[place] {
      nodes[place]?.value = value
      touch(place)
      return node.value
    }
    var dropped: Value?
    if places.count == capacity { dropped = removeOldest() }
    let node = Node(key: key, value: value, newer: Self.none, older: newest)
    let place: Int
    if let last = free.popLast() {
      place = last
      nodes[place] = node
    } else {
      place = nodes.count
      nodes.append(node)
    }
    if newest >= 0 { nodes[newest]?.newer = place }
    newest = place
    if oldest < 0 { oldest = place }
    places[key] = place
    return dropped
  }

  @discardableResult
  package mutating func remove(_ key: Key) -> Value? {
    guard let place = places.removeValue(forKey: key), let node = nodes[place] else { return nil }
    unlink(node)
    nodes[place] = nil
    free.append(place)
    return node.value
  }

  /// Drops the one longest unused.
  @discardableResult
  package mutating func removeOldest() -> Value? {
    guard oldest >= 0, let key = nodes[oldest]?.key else { return nil }
    return remove(key)
  }

  /// Empties it; what was in.
  package mutating func removeAll() -> [Value] {
    let values = nodes.compactMap { $0?.value }
    self = Self(capacity: capacity)
    return values
  }

  private mutating func unlink(_ node: Node) {
    if node.newer >= 0 { nodes[node.newer]?.older = node.older } else { newest = node.older }
    if node.older >= 0 { nodes[node.older]?.newer = node.newer } else { oldest = node.newer }
  }

  private mutating func touch(_ place: Int) {
    guard newest != place, let node = nodes[place] else { return }
    unlink(node)
    nodes[place]?.newer = Self.none
    nodes[place]?.older = newest
    nodes[newest]?.newer = place
    newest = place
  }
}

extension LeastRecentlyUsed: Sendable where Value: Sendable {}
extension LeastRecentlyUsed.Node: Sendable where Value: Sendable {}
