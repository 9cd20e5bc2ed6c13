package import Objects
package import Platform

/// The inodes that the kernel knows: what each is, where it is, and how often the kernel holds it. Pure, and packed:
/// 64 bytes a node, its name once in an arena, 4 to 8 bytes in the hash; 500,000 nodes are some 50 MB.
///
/// A node outlives the kernel's references while a child is known, because a key is built by walking upwards; and it
/// keeps its version, because the index forgets a version that was replaced, while its readers go on.
package struct InodeTable {
  package enum Shape: Equatable, Sendable {
    case file(ObjectVersion)
    case directory
    /// Existence could not be found out; reading fails so.
    case poisoned(Errno)
  }

  /// What a caller sees of a node.
  package struct Node: Equatable, Sendable {
    package var inode: InodeNumber
    package var parent: InodeNumber
    package var shape: Shape
  }

  enum Kind: UInt8 { case free, file, directory, poisoned }

  /// Fields in an order that leaves no holes.
  struct Stored {
    var tag: EntityTag?
    var kind = Kind.free
    var nameLength: UInt8 = 0
    var errno: UInt8 = 0
    var name: UInt32 = 0
    var parent: UInt32 = 0
    var lookups: UInt32 = 0
    var children: UInt32 = 0
    var size: Int64 = 0
    var modified: Int64 = 0
    var inode: UInt64 = 0
  }

  static let rootSlot: UInt32 = 0
  private static let pageSize = 4096

  /// Pages do not move when the table grows.
  private var pages: [ContiguousArray<Stored>] = []
  private var used: UInt32 = 0
  private var free: [UInt32] = []
  private var hash = SlotHash()
  private var names = NameArena()

  package init() {
    let slot = allocate()
    self[slot] = Stored(kind: .directory, lookups: 1, inode: InodeNumber.root.rawValue)
    insertIntoHash(slot)
  }

  /// Nodes, the root included.
  package var count: Int { Int(used) - free.count }

  /// Bytes held, about.
  package var footprint: Int {
    pages.count * Self.pageSize * MemoryLayout<Stored>.stride + hash.footprint + names.footprint + free.capacity * 4
  }

  // MARK: Events

  /// The kernel was told of the inode once more. False when the parent is not known: the kernel names parents only
  /// while it holds them.
  package mutating func hold(
    _ inode: InodeNumber, named name: EntryName, in parent: InodeNumber, _ shape: Shape
  ) -> Bool {
    if let slot = slot(of: inode) {
      if self[slot].lookups < .max { self[slot].lookups += 1 }
      return true
    }
    guard name.bytes.count <= EntryName.maximumLength, let parentSlot = slot(of: parent) else { return false }
    let slot = allocate()
    var stored = Stored(
      nameLength: UInt8(name.bytes.count), name: names.add(name.bytes), parent: parentSlot, lookups: 1,
      inode: inode.rawValue)
    switch shape {
    case .file(let version):
      stored.kind = .file
      stored.tag = version.tag
      stored.size = version.size
      stored.modified = version.modified
    case .directory: stored.kind = .directory
    case .poisoned(let errno):
      stored.kind = .poisoned
      stored.errno = UInt8(truncatingIfNeeded: errno.rawValue)
    }
    self[slot] = stored
    self[parentSlot].children += 1
    insertIntoHash(slot)
    return true
  }

  /// The kernel dropped `count` references.
  package mutating func forget(_ inode: InodeNumber, count: UInt64) {
    guard let slot = slot(of: inode), slot != Self.rootSlot else { return }
    // A count that once overflowed is not known any more: the node stays.
    guard self[slot].lookups < .max else { return }
    self[slot].lookups -= UInt32(min(count, UInt64(self[slot].lookups)))
    var next = slot
    while next != Self.rootSlot, self[next].lookups == 0, self[next].children == 0 {
      let parent = self[next].parent
      drop(next)
      self[parent].children -= 1
      next = parent
    }
    compactNames()
  }

  // MARK: Questions

  package func node(_ inode: InodeNumber) -> Node? {
    guard let slot = slot(of: inode) else { return nil }
    let stored = self[slot]
    let shape: Shape
    switch stored.kind {
    case .file: shape = .file(ObjectVersion(tag: stored.tag, size: stored.size, modified: stored.modified))
    case .directory: shape = .directory
    case .poisoned: shape = .poisoned(Errno(CInt(stored.errno)))
    case .free: return nil
    }
    return Node(inode: inode, parent: InodeNumber(self[stored.parent].inode), shape: shape)
  }

  package func name(of inode: InodeNumber) -> EntryName? {
    slot(of: inode).map { EntryName(bytes: Array(names[self[$0].name, Int(self[$0].nameLength)])) }
  }

  /// A directory's ends with a slash.
  package func key(of inode: InodeNumber) -> ObjectKey? {
    guard let slot = slot(of: inode) else { return nil }
    var length = 0
    walk(from: slot) { length += Int(self[$0].nameLength) + 1 }
    if self[slot].kind != .directory { length -= 1 }
    guard length > 0 else { return .root }
    let bytes = [UInt8](unsafeUninitializedCapacity: length) { buffer, initialized in
      var end = length
      walk(from: slot) { step in
        if step != slot || self[step].kind == .directory {
          end -= 1
          buffer[end] = UInt8(ascii: "/")
        }
        let name = names[self[step].name, Int(self[step].nameLength)]
        end -= name.count
        _ = buffer[end...].update(fromContentsOf: name)
      }
      initialized = length
    }
    return ObjectKey(bytes: bytes)
  }

  private func walk(from slot: UInt32, _ body: (UInt32) -> Void) {
    var next = slot
    while next != Self.rootSlot {
      body(next)
      next = self[next].parent
    }
  }

  // MARK: Storage

  private subscript(slot: UInt32) -> Stored {
    get { pages[Int(slot) / Self.pageSize][Int(slot) % Self.pageSize] }
    _modify { yield &pages[Int(slot) / Self.pageSize][Int(slot) % Self.pageSize] }
  }

  private mutating func allocate() -> UInt32 {
    if let slot = free.popLast() { return slot }
    if Int(used) == pages.count * Self.pageSize {
      pages.append(ContiguousArray(repeating: Stored(), count: Self.pageSize))
    }
    used += 1
    return used - 1
  }

  private mutating func drop(_ slot: UInt32) {
    let inode = self[slot].inode
    hash.remove(inode) { pages[Int($0) / Self.pageSize][Int($0) % Self.pageSize].inode }
    names.drop(Int(self[slot].nameLength))
    self[slot] = Stored()
    free.append(slot)
  }

  private func slot(of inode: InodeNumber) -> UInt32? { hash.find(inode.rawValue) { self[$0].inode } }

  private mutating func insertIntoHash(_ slot: UInt32) {
    hash.insert(self[slot].inode, slot) { pages[Int($0) / Self.pageSize][Int($0) % Self.pageSize].inode }
  }

  /// When most of the arena is names that nobody has.
  private mutating func compactNames() {
    guard names.isWasteful else { return }
    var fresh = NameArena()
    for slot in 0..<used where self[slot].kind != .free {
      self[slot].name = fresh.add(names[self[slot].name, Int(self[slot].nameLength)])
    }
    names = fresh
  }
}
