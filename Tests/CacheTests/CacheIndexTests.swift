import Glibc
import Objects
import Platform
import TestSupport
import Testing

@testable import Cache

@Suite struct CacheIndexTests {
  private let directory = TemporaryDirectory()
  private let time = ManualTimeSource()

  private func open(size: Int64 = 1 << 30, absents: Int? = nil) -> CacheIndex {
    var limits = CacheIndex.Limits(cacheSize: size)
    if let absents { limits.absents = absents }
    return CacheIndex(
      directory: directory.path, source: "memory:", boot: "boot", limits: limits, mayHaveBodies: true, time: time,
      log: .silent)
  }

  private func file(_ tag: String, size: Int64 = 5) -> Entry.Kind {
    .file(ObjectVersion(tag: EntityTag("\"\(tag)\""), size: size, modified: 7))
  }

  private func names(_ index: CacheIndex, _ id: ListingID, limit: Int = 3) -> [String] {
    var cursor: Int64 = 0
    var all: [String] = []
    while let rows = index.entries(of: id, after: cursor, limit: limit), let last = rows.last {
      all += rows.map(\.name.description)
      cursor = last.cursor
    }
    return all
  }

  @Test func anInodeIsOneVersion() {
    let index = open()
    let first = index.record(file("a"), for: "x", in: .root, at: time.now())
    #expect(first.inode >= .firstObject)
    time.advance(by: .seconds(5))
    let again = index.record(file("a"), for: "x", in: .root, at: time.now())
    #expect(again.inode == first.inode)
    #expect(again.validated == time.now().milliseconds)
    #expect(index.entry("x", in: .root) == again)
    let changed = index.record(file("b"), for: "x", in: .root, at: time.now())
    #expect(changed.inode != first.inode)
    let location = index.location(of: changed.inode)
    #expect(location?.name == "x")
    #expect(location?.directory == .root)
    #expect(index.location(of: first.inode) == nil)
    let gone = index.record(.absent, for: "x", in: .root, at: time.now())
    #expect(index.entry("x", in: .root)?.kind == .absent)
    #expect(index.location(of: gone.inode) == nil)
    let directory = index.record(.directory, for: "x", in: .root, at: time.now())
    #expect(index.record(.directory, for: "x", in: .root, at: time.now()).inode == directory.inode)
    #expect(index.entry("y", in: .root) == nil)
    #expect(index.entry("x", in: directory.inode) == nil)
  }

  @Test func aVersionIsDatedByItsFirstAnswer() {
    let index = open()
    let asked = time.now()
    let first = index.record(file("a"), for: "x", in: .root, at: asked)
    #expect(index.since(first.inode) == asked)
    time.advance(by: .seconds(60))
    _ = index.record(file("a"), for: "x", in: .root, at: time.now())
    #expect(index.since(first.inode) == asked, "unchanged")
    let question = time.now()
    time.advance(by: .milliseconds(900))
    let prompt = index.record(file("b"), for: "x", in: .root, at: question)
    #expect(index.since(prompt.inode) == question)
    #expect(index.since(first.inode) == nil)
    time.advance(by: .milliseconds(200))
    let late = index.record([("x", file("c"))], in: .root, at: question)[0]
    #expect(index.since(late.inode) == time.now(), "an answer that was long on its way")
  }

  /// Whoever asks while a listing ends sees the name or no listing: never the listing without the name (promise 2).
  @Test func aNameIsNeverMissedWhileItsListingEnds() throws {
    let index = open()
    let time = time
    let missed = Monitor(0)
    let directories = (0..<4000).map { number in
      index.record(.directory, for: EntryName("d\(number)"), in: .root, at: time.now()).inode
    }
    let asker = try Thread.start("asker") {
      for directory in directories {
        while true {
          let (entry, listed) = index.known("a", in: directory)
          if entry != nil { break }
          if listed != nil {
            missed.withLock { $0 += 1 }
            break
          }
        }
      }
    }
    for directory in directories {
      let id = index.beginListing(of: directory)
      index.append([("a", file("a"))], to: id, at: time.now())
      index.finishListing(id, at: time.now())
    }
    asker.join()
    #expect(missed.withLock { $0 } == 0)
  }

  @Test func aListingThatIsNotThereHasNoEnd() {
    let index = open()
    let listings = (0..<3).map { _ in
      let id = index.beginListing(of: .root)
      index.append([("a", file("a"))], to: id, at: time.now())
      index.finishListing(id, at: time.now())
      return id
    }
    #expect(index.entries(of: listings[2], after: 0, limit: 10)?.count == 1)
    #expect(index.entries(of: listings[1], after: 0, limit: 10)?.count == 1)
    #expect(index.entries(of: listings[0], after: 0, limit: 10) == nil, "replaced twice: empty would be an end")
    let broken = index.beginListing(of: .root)
    index.append([("b", file("b"))], to: broken, at: time.now())
    #expect(index.entries(of: broken, after: 0, limit: 10)?.count == 1)
    index.abandonListing(broken)
    #expect(index.entries(of: broken, after: 0, limit: 10) == nil)
  }

  @Test func aListingRolledBackIsNotThere() {
    let index = open()
    index.commit()
    let id = index.beginListing(of: .root)
    index.append([("a", file("a"))], to: id, at: time.now())
    index.finishListing(id, at: time.now())
    #expect(index.holdsListings)
    index.fail(with: SQLiteCode(13))
    #expect(!index.holdsListings, "what a failing database takes may be rolled back")
    #expect(index.entries(of: id, after: 0, limit: 10) == nil)
    time.advance(by: .seconds(11))
    #expect(index.holdsListings)
  }

  @Test func namesAndTagsAreBytes() {
    let index = open()
    let name = EntryName(bytes: [0xff, 0x00, 0x27, 0xc3])
    let version = ObjectVersion(tag: EntityTag("W/\"é\""), size: 1 << 60, modified: -5)
    let entry = index.record(.file(version), for: name, in: .root, at: time.now())
    #expect(index.entry(name, in: .root) == entry)
    #expect(index.entry(name, in: .root)?.version?.modified == -5)
    let untagged = ObjectVersion(tag: nil, size: 3, modified: 9)
    let first = index.record(.file(untagged), for: "u", in: .root, at: time.now())
    #expect(index.record(.file(untagged), for: "u", in: .root, at: time.now()).inode == first.inode)
  }

  @Test func inodesStayOverACleanStopAndAreNeverReused() {
    var index = open()
    let first = index.record([("a", file("1")), ("b", .directory)], in: .root, at: time.now())
    index.close()
    index = open()
    #expect(!index.finding.isUnclean)
    #expect(index.entry("a", in: .root) == first[0])
    #expect(index.entry("b", in: .root)?.inode == first[1].inode)
    // Not committed, as after a kill: the row is lost, the number is not given again.
    let lost = index.record(file("2"), for: "c", in: .root, at: time.now())
    index.abandon()
    index = open()
    #expect(index.finding.isUnclean)
    #expect(index.entry("c", in: .root) == nil)
    #expect(index.record(file("3"), for: "d", in: .root, at: time.now()).inode > lost.inode)
  }

  @Test func numbersGoOnWhenIndexAndCounterAreLost() {
    var index = open()
    var last = index.record(file("1"), for: "a", in: .root, at: time.now()).inode
    for lost in [["index.sqlite"], ["numbers"], ["index.sqlite", "numbers"]] {
      index.close()
      for name in lost { unlink(directory.path + "/" + name) }
      time.advance(by: .milliseconds(1))
      index = open()
      let next = index.record(file("1"), for: "n", in: .root, at: time.now()).inode
      #expect(next > last, "\(lost)")
      last = max(next, last)
      _ = index.record(.absent, for: "n", in: .root, at: time.now())
    }
  }

  @Test func aListingStreamsAndReplaces() {
    let index = open()
    let first = index.beginListing(of: .root)
    #expect(index.listing(of: .root) == nil)
    index.append([("a", file("1")), ("b", .directory)], to: first, at: time.now())
    #expect(names(index, first) == ["a", "b"])
    index.append([("c", file("1")), ("d", file("1"))], to: first, at: time.now())
    #expect(names(index, first) == ["a", "b", "c", "d"])
    time.advance(by: .seconds(1))
    #expect(index.finishListing(first, at: time.now()))
    #expect(index.listing(of: .root)?.completed == time.now())
    let inode = index.entry("a", in: .root)?.inode

    time.advance(by: .seconds(60))
    let second = index.beginListing(of: .root)
    index.append([("a", file("1")), ("c", file("2"))], to: second, at: time.now())
    // Who reads the first goes on reading it, without gaps or repeats; `c` is another file by now.
    #expect(names(index, first, limit: 1) == ["a", "b", "d"] || names(index, first, limit: 1) == ["a", "b", "c", "d"])
    #expect(names(index, second) == ["a", "c"])
    // Seen one by one while the listing is on its way.
    time.advance(by: .seconds(1))
    index.record(file("9"), for: "late", in: .root, at: time.now())
    #expect(index.finishListing(second, at: time.now()))
    #expect(index.listing(of: .root)?.id == second)
    #expect(index.entry("a", in: .root)?.inode == inode)
    #expect(index.entry("b", in: .root) == nil)
    #expect(index.entry("d", in: .root) == nil)
    #expect(index.entry("late", in: .root) != nil)
    #expect(names(index, second) == ["a", "c"])
  }

  @Test func anAbandonedListingChangesNothing() {
    let index = open()
    let first = index.beginListing(of: .root)
    index.append([("a", file("1")), ("b", file("1"))], to: first, at: time.now())
    index.finishListing(first, at: time.now())
    time.advance(by: .seconds(60))
    for _ in 0..<2 {
      let second = index.beginListing(of: .root)
      index.append([("a", file("1"))], to: second, at: time.now())
      index.abandonListing(second)
      #expect(index.append([("z", file("1"))], to: second, at: time.now()) == false)
      #expect(!index.finishListing(second, at: time.now()))
      #expect(index.listing(of: .root)?.id == first)
      #expect(names(index, first) == ["a", "b"])
    }
  }

  @Test func whatWasBelowAVanishedDirectoryGoesInSteps() {
    let index = open()
    let top = index.record(.directory, for: "top", in: .root, at: time.now()).inode
    let below = index.record(.directory, for: "below", in: top, at: time.now()).inode
    let leaf = index.record(file("1"), for: "leaf", in: below, at: time.now()).inode
    index.setDocument([1, 2, 3], of: leaf)
    #expect(index.document(of: leaf) == [1, 2, 3])
    index.record(.absent, for: "top", in: .root, at: time.now())
    while index.clearGone() {}
    #expect(index.location(of: leaf) == nil)
    #expect(index.document(of: leaf) == nil)
    #expect(index.document(of: below) == nil)
  }

  @Test func aLongListingNeedsFlatMemoryAndASmallLog() {
    let index = open(size: 1 << 30)
    let id = index.beginListing(of: .root)
    var largestLog: Int64 = 0
    for page in 0..<40 {
      let entries = (0..<1000).map { (EntryName("chunk.\(page).\($0)"), file("t")) }
      index.append(entries, to: id, at: time.now())
      var status = stat()
      if stat(directory.path + "/index.sqlite-wal", &status) == 0 {
        largestLog = max(largestLog, Int64(status.st_size))
      }
    }
    #expect(index.finishListing(id, at: time.now()))
    #expect(largestLog < 16 << 20)
    var count = 0
    var cursor: Int64 = 0
    while let rows = index.entries(of: id, after: cursor, limit: 1000), let last = rows.last {
      count += rows.count
      cursor = last.cursor
    }
    #expect(count == 40_000)
  }

  @Test func negativeAnswersAreBounded() {
    let index = open(absents: 1000)
    for number in 0..<3000 {
      time.advance(by: .milliseconds(1))
      index.record(.absent, for: EntryName("n\(number)"), in: .root, at: time.now())
      if number % 500 == 0 { index.commit() }
    }
    index.commit()
    for _ in 0..<30 { index.commit() }
    #expect(index.entry("n2999", in: .root)?.kind == .absent)
    #expect(index.entry("n0", in: .root) == nil)
    let kept = (0..<3000).count { index.entry(EntryName("n\($0)"), in: .root) != nil }
    #expect(kept <= 1000)
    #expect(kept > 800)
  }

  @Test func aFullIndexForgetsTheOldestAndKeepsItsBound() {
    let index = open(size: 16 << 20)
    var isBroken = false
    let id = index.beginListing(of: .root)
    for page in 0..<40 {
      let entries = (0..<1000).map { (EntryName("a-rather-long-name-of-a-chunk.\(page).\($0)"), file("t")) }
      if !index.append(entries, to: id, at: time.now()) { isBroken = true }
      #expect(index.allocatedBytes() < 10 << 20)
    }
    // It cannot hold them all, and does not say that it does.
    #expect(index.finishListing(id, at: time.now()) == !isBroken)
    let listed = index.listing(of: .root).map { names(index, $0.id, limit: 1000).count }
    #expect(listed == nil || listed == 40_000)
    #expect(index.record(file("x"), for: "new", in: .root, at: time.now()).inode > .firstObject)
    #expect(index.entry("new", in: .root) != nil)
  }

  @Test(arguments: [0, 1, 100, 4096, 5000])
  func aDamagedIndexIsSetAside(at offset: Int) throws {
    var index = open()
    let entry = index.record(file("1"), for: "a", in: .root, at: time.now())
    index.close()
    let file = try FileDescriptor.open(directory.path + "/index.sqlite", O_RDWR)
    let garbage = [UInt8](repeating: 0xa5, count: 8192)
    overwrite(file, garbage, at: Int64(offset))
    index = open()
    _ = index.entry("a", in: .root)
    let after = index.record(self.file("2"), for: "b", in: .root, at: time.now())
    #expect(after.inode > entry.inode)
    #expect(index.entry("b", in: .root)?.inode == after.inode)
    index.commit()
    #expect(access(directory.path + "/index.sqlite.damaged-1", F_OK) == 0)
    index.close()
    index = open()
    #expect(index.entry("b", in: .root)?.inode == after.inode)
  }

  @Test func anotherSourcesIndexIsSetAside() {
    var index = open()
    index.record(file("1"), for: "a", in: .root, at: time.now())
    index.close()
    index = CacheIndex(
      directory: directory.path, source: "other:", boot: "boot", limits: CacheIndex.Limits(cacheSize: 1 << 30),
      mayHaveBodies: true, time: time, log: .silent)
    #expect(index.finding.isNew)
    #expect(index.entry("a", in: .root) == nil)
  }

  @Test func anotherBootIsAnUncleanStop() {
    let index = open()
    index.close()
    let other = CacheIndex(
      directory: directory.path, source: "memory:", boot: "later", limits: CacheIndex.Limits(cacheSize: 1 << 30),
      mayHaveBodies: true, time: time, log: .silent)
    #expect(other.finding.isUnclean)
  }
}
