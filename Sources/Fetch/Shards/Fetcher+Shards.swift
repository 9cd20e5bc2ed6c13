import Cache
import ObjectStorage
import Objects
import Platform
import Zarr

/// Shards: read and fetched ahead by inner chunks, once the index is near. An index is believed for planning only: what a
/// reader gets are the bytes that it asked for, whatever the index says of them.
extension Fetcher {
  /// Bytes between two inner chunks that are fetched along rather than in a GET of their own: two blocks of the cache, and
  /// no more than the line brings in the time.
  private static let widestGap: Int64 = 64 << 10
  private var gap: Int64 {
    let measured = roundTripBytes
    return measured > 0 ? min(measured, Self.widestGap) : Self.widestGap
  }

  // MARK: The index

  /// The index of a shard if it is near and makes sense: known, or in the cache since before.
  func shardIndex(of object: ObjectReference, _ body: Body?) -> ShardIndex? {
    guard let layout = object.parts?.layout, let range = layout.indexRange(shardSize: object.version.size) else {
      return nil
    }
    switch shards.withLock({ $0.find(object.inode) }) {
    case .index(let index): return index
    case .damaged: return nil
    case .unknown: break
    }
    guard let body, body.contains(range) else { return nil }
    return learn(layout, of: object, range, body) { body.read(range, into: $0) }
  }

  /// Bytes of a part came: the index may be among them. Before its readers are answered, because they go on at once.
  func noteArrived(_ part: PartTransfer, arrived: Int64, by count: Int64) {
    guard let layout = part.object.parts?.layout,
      let range = layout.indexRange(shardSize: part.object.version.size),
      range.lowerBound >= part.range.lowerBound
    else { return }
    let end = part.range.lowerBound + arrived
    guard end >= range.upperBound, end - count < range.upperBound, let storage = part.storage else { return }
    guard case .unknown = shards.withLock({ $0.find(part.object.inode) }) else { return }
    _ = learn(layout, of: part.object, range, part.body) { storage.read(range, into: $0) }
  }

  private func learn(
    _ layout: ShardLayout, of object: ObjectReference, _ range: ByteRange, _ body: Body?,
    from read: (UnsafeMutableRawBufferPointer) -> Bool
  ) -> ShardIndex? {
    let bytes = [UInt8](unsafeUninitializedCapacity: range.count) { buffer, count in
      count = read(UnsafeMutableRawBufferPointer(buffer)) ? range.count : 0
    }
    guard !bytes.isEmpty else { return nil }
    let parsed = ShardIndex(bytes, layout: layout, shardSize: object.version.size)
    let index = parsed.flatMap { $0.isPlausible ? $0 : nil }
    if index == nil {
      log.info("the index of a shard makes no sense: it is read by plain ranges", [("key", "\(object.key)")])
    }
    if index != nil { body?.keep(range) }
    let wanted = shards.withLock { $0.learn(index, of: object.inode) }
    if let index { fetch(wanted, of: object, index) }
    return index
  }

  /// A body is about to be filled. It may be another than the one that the index came with.
  func keepIndex(of object: ObjectReference, in body: Body) {
    guard let layout = object.parts?.layout, let range = layout.indexRange(shardSize: object.version.size),
      case .index = shards.withLock({ $0.find(object.inode) })
    else { return }
    body.keep(range)
  }

  // MARK: Reading

  /// What of a shard to look at for missing bytes when `range` is read: the inner chunk whole.
  func scopes(of range: ByteRange, _ index: ShardIndex, isCached: Bool) -> [ByteRange] {
    let limit = isCached ? planner.wholeLimit : configuration.windowCapacity / 4
    let ranges = index.ranges(toRead: range, gap: gap, limit: limit)
    guard isCached else { return ranges }
    let size = index.shardSize
    return ByteRangeSet(ranges.map { BlockGeometry.covering($0, size: size) }).ranges
  }

  /// The number of the inner chunk that a reader begins to read by a READ, if it does.
  func innerChunk(begunBy range: ByteRange, of object: ObjectReference) -> Int? {
    guard case .index(let index) = shards.withLock({ $0.find(object.inode) }) else { return nil }
    return index.innerChunk(begunBy: range)
  }

  // MARK: Fetching ahead

  /// Fetches inner chunks of a shard before anybody reads them, if there is room: at once where the index is near, else
  /// as soon as it is here; it is fetched too. Never waits. The hook hears of those that are not fetched.
  func prefetch(_ numbers: [Int], of object: ObjectReference) {
    let size = object.version.size
    guard let layout = object.parts?.layout, let range = layout.indexRange(shardSize: size),
      size <= configuration.maximumObjectSize,
      let body = cache.body(of: object.inode, size: size, class: .prefetched)
    else { return tell(.failed, object.key, numbers) }
    if let index = shardIndex(of: object, body) { return fetch(numbers, of: object, index) }
    switch shards.withLock({ $0.want(numbers, of: object.inode) }) {
    case .index(let index): fetch(numbers, of: object, index)
    case .damaged: break
    case .unknown:
      let moment = state.withLock { $0.table.moment }
      if !fetchAhead(object, range, .prefetch, body: body, since: moment) {
        tell(.failed, object.key, shards.withLock { $0.giveUp(object.inode) })
      }
    }
  }

  private func fetch(_ numbers: [Int], of object: ObjectReference, _ index: ShardIndex) {
    guard !numbers.isEmpty else { return }
    let size = object.version.size
    guard let body = cache.body(of: object.inode, size: size, class: .prefetched) else {
      return tell(.failed, object.key, numbers)
    }
    var absent: [Int] = []
    var failed: [Int] = []
    var ranges = index.ranges(of: numbers, gap: gap)
    // In the order of need; a range that holds several goes with the first.
    for number in numbers {
      guard case .bytes(let bytes) = index.innerChunk(number), !bytes.isEmpty else {
        absent.append(number)
        continue
      }
      guard let place = ranges.firstIndex(where: { $0.contains(bytes.lowerBound) }) else { continue }
      let moment = state.withLock { $0.table.moment }
      if !fetchAhead(object, ranges.remove(at: place), .prefetch, body: body, since: moment) { failed.append(number) }
    }
    tell(.absent, object.key, absent)
    tell(.failed, object.key, failed)
  }

  private func tell(_ fate: PrefetchFate, _ key: ObjectKey, _ numbers: [Int]) {
    guard !numbers.isEmpty else { return }
    hooks.withLock { $0.onFate }?(fate, key, numbers)
  }

  // MARK: Waste

  /// These bodies left the cache: what was fetched ahead of them and never read was fetched in vain.
  func noteEvicted(_ inodes: [InodeNumber]) {
    let wasted = state.withLock { state in
      inodes.compactMap { inode in state.ledger.evicted(inode).map { (inode, $0.key, $0.ranges) } }
    }
    guard !wasted.isEmpty, let tell = hooks.withLock({ $0.onFate }) else { return }
    for (inode, key, ranges) in wasted {
      var numbers: [Int] = []
      if case .index(let index) = shards.withLock({ $0.find(inode) }) {
        // By its first byte: what a block's edge took along counts for nobody.
        numbers = ranges.ranges.flatMap { range in
          index.innerChunks(in: range).filter { number in
            if case .bytes(let bytes) = index.innerChunk(number) { return range.contains(bytes.lowerBound) }
            return false
          }
        }
      }
      tell(.wasted, key, numbers)
    }
  }
}

extension ShardLayout {
  /// The GET that finds out about a shard and brings its index.
  ///
  /// Whole blocks of the cache around it: the kernel reads whole pages, and of a block that is not whole nothing could be
  /// kept. At the end, where the size is not known yet, that takes a block less one byte more.
  var indexRequest: GetRequest.Range {
    let block = BlockGeometry.blockSize
    return indexAtStart ? .bytes(0..<(indexSize + block - 1) / block * block) : .suffix(indexSize + block - 1)
  }
}
