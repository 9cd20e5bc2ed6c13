/// A set that remembers about the last `capacity` members put in. Insertion and look-up O(1).
///
/// A member taken out and put in again may be forgotten with its first place; nothing is ever kept longer.
struct RecentSet<Element: Hashable & Sendable>: Sendable {
  private let capacity: Int
  private var members: Set<Element> = []
  private var ring: [Element] = []
  private var next = 0

  init(capacity: Int) { self.capacity = capacity }

  var count: Int { members.count }

  func contains(_ element: Element) -> Bool { !members.isEmpty && members.contains(element) }

  mutating func insert(_ element: Element) {
    guard members.insert(element).inserted else { return }
    if ring.count < capacity { return ring.append(element) }
    if ring[next] != element { members.remove(ring[next]) }
    ring[next] = element
    next = (next + 1) % capacity
  }

  @discardableResult
  mutating func remove(_ element: Element) -> Bool { members.remove(element) != nil }
}
