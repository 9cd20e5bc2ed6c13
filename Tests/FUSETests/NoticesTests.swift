import Objects
import Platform
import TestSupport
import Testing

@testable import FUSE

@Suite struct NoticesTests {
  private let notices = Notices()
  private let told = Monitor<[InodeNumber]>([])
  private let time = SystemTimeSource()

  private func inodes(_ numbers: UInt64...) -> [InodeNumber] { numbers.map { InodeNumber($0) } }

  @Test func eachIsToldInOrder() throws {
    for inode in inodes(5, 6, 5, 7) { notices.add(inode) }
    try notices.start { [told] inode in told.withLockNotifying { $0.append(inode) } }
    #expect(told.expect("three") { $0.count == 3 ? $0 : nil } == inodes(5, 6, 7))
    notices.add(InodeNumber(5))
    #expect(told.expect("a fourth") { $0.count == 4 ? $0.last : nil } == InodeNumber(5))
    notices.close(until: time.monotonic() + .seconds(60))
    notices.add(InodeNumber(8))
    #expect(told.withLock { $0.count } == 4)
  }

  /// The kernel keeps the thread waiting; the end of a mount does not wait for it.
  @Test func aTellerThatIsStuckHoldsNobodyUp() throws {
    let isFree = Monitor(false)
    let hasEnded = Monitor(false)
    try notices.start { [told] inode in
      told.withLockNotifying { $0.append(inode) }
      isFree.expect("the end of the wait") { $0 ? () : nil }
      hasEnded.withLockNotifying { $0 = true }
    }
    notices.add(InodeNumber(5))
    notices.add(InodeNumber(6))
    told.expect("the first") { $0.isEmpty ? nil : () }
    notices.close(until: time.monotonic())
    isFree.withLockNotifying { $0 = true }
    hasEnded.expect("the end") { $0 ? () : nil }
    notices.close(until: time.monotonic() + .seconds(60))
    #expect(told.withLock { $0 } == inodes(5))
  }
}
