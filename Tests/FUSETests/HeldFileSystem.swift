import FileSystem
import Objects
import Platform

/// A small tree in memory whose answers can be held back and given from another thread.
///
/// The root holds files and `held` (a directory). Lookups in `held` and reads of files whose name begins with `slow`
/// wait until `release`; a name beginning with `lost` is looked up well and its read is never answered (dropped).
final class HeldFileSystem: ServedFileSystem {
  struct File {
    var name: String
    var bytes: [UInt8]
  }

  struct State {
    var held: [(id: Int, answer: @Sendable (Bool) -> Void)] = []
    var nextID = 0
    var mostHeld = 0
    var interrupts = 0
    var lookups: [UInt64: Int] = [:]
    var releasedDirectories = 0
    var isOpen = false
    var pages = 0
    var mayKeepCache = true
  }

  static let heldDirectory = InodeNumber(2)
  static let heldFile = InodeNumber(3)
  static let firstFile: UInt64 = 10

  let files: [File]
  let state = Monitor(State())

  init(_ files: [File]) { self.files = files }

  /// Answers everything that is held, and all that comes later at once. On the caller's thread.
  func release() {
    let held = state.withLock { state in
      state.isOpen = true
      defer { state.held = [] }
      return state.held
    }
    for request in held { request.answer(false) }
  }

  func waitUntilHeld(_ count: Int, seconds: Int64 = 60) -> Bool {
    let deadline = SystemTimeSource().monotonic() + .seconds(seconds)
    return state.wait(until: deadline) { $0.held.count >= count ? true : nil } ?? false
  }

  func waitForInterrupt() -> Bool {
    let deadline = SystemTimeSource().monotonic() + .seconds(60)
    return state.wait(until: deadline) { $0.interrupts > 0 ? true : nil } ?? false
  }

  private final class Held: PendingRequest {
    let id: Int
    unowned let fileSystem: HeldFileSystem

    init(id: Int, fileSystem: HeldFileSystem) {
      self.id = id
      self.fileSystem = fileSystem
    }

    func interrupt() {
      let answer = fileSystem.state.withLockNotifying { state in
        state.interrupts += 1
        let index = state.held.firstIndex { $0.id == id }
        return index.map { state.held.remove(at: $0).answer }
      }
      answer?(true)
    }
  }

  /// nil: answered at once. `answer` is told whether it is an interrupt.
  private func hold(_ answer: @escaping @Sendable (Bool) -> Void) -> (any PendingRequest)? {
    let id: Int? = state.withLockNotifying { state in
      if state.isOpen { return nil }
      state.nextID += 1
      state.held.append((state.nextID, answer))
      state.mostHeld = max(state.mostHeld, state.held.count)
      return state.nextID
    }
    guard let id else {
      answer(false)
      return nil
    }
    return Held(id: id, fileSystem: self)
  }

  private func fileAttributes(_ index: Int) -> Attributes {
    Attributes(
      inode: InodeNumber(Self.firstFile + UInt64(index)), isDirectory: false, size: Int64(files[index].bytes.count),
      modified: 1_700_000_000_123, permissions: 0o444, owner: 1000, group: 1000)
  }

  private func directoryAttributes(_ inode: InodeNumber) -> Attributes {
    Attributes(
      inode: inode, isDirectory: true, size: 0, modified: 1_700_000_000_000, permissions: 0o555, owner: 0, group: 0)
  }

  func lookup(
    _ name: EntryName, in parent: InodeNumber, _ answer: @escaping @Sendable (LookupAnswer) -> Void
  ) -> (any PendingRequest)? {
    if parent == Self.heldDirectory {
      return hold { wasInterrupted in
        guard !wasInterrupted else { return answer(.failed(.interrupted)) }
        var attributes = self.directoryAttributes(Self.heldFile)
        attributes.isDirectory = false
        answer(.found(attributes, entryValid: .zero, attributesValid: .zero))
      }
    }
    if name == "held" {
      answer(.found(directoryAttributes(Self.heldDirectory), entryValid: .infinite, attributesValid: .infinite))
    } else if let index = files.firstIndex(where: { $0.name == name.description }) {
      state.withLock { $0.lookups[Self.firstFile + UInt64(index), default: 0] += 1 }
      answer(.found(fileAttributes(index), entryValid: .infinite, attributesValid: .infinite))
    } else {
      answer(.absent(valid: .infinite))
    }
    return nil
  }

  func forget(_ inode: InodeNumber, count: UInt64) {
    state.withLock { $0.lookups[inode.rawValue, default: 0] -= Int(count) }
  }

  func onReplaced(_ tell: @escaping @Sendable (InodeNumber) -> Void) {}

  func attributes(
    of inode: InodeNumber, _ answer: @escaping @Sendable (Result<AttributesAnswer, Errno>) -> Void
  ) -> (any PendingRequest)? {
    let attributes =
      inode.rawValue >= Self.firstFile
      ? fileAttributes(Int(inode.rawValue - Self.firstFile)) : directoryAttributes(inode)
    answer(.success(AttributesAnswer(attributes: attributes, valid: .infinite)))
    return nil
  }

  func read(
    _ inode: InodeNumber, _ range: ByteRange, scratch: UnsafeMutableRawBufferPointer,
    _ answer: @escaping @Sendable (ReadAnswer) -> Void
  ) -> (any PendingRequest)? {
    let file = files[Int(inode.rawValue - Self.firstFile)]
    let clipped = range.clamped(to: 0..<Int64(file.bytes.count))
    if file.name.hasPrefix("lost") { return nil }
    if file.name.hasPrefix("slow") {
      return hold { wasInterrupted in
        guard !wasInterrupted else { return answer(.failed(.interrupted)) }
        file.bytes[Int(clipped.lowerBound)..<Int(clipped.upperBound)].withUnsafeBytes { answer(.bytes($0)) }
      }
    }
    file.bytes[Int(clipped.lowerBound)..<Int(clipped.upperBound)].withUnsafeBytes { scratch.copyMemory(from: $0) }
    answer(.bytes(UnsafeRawBufferPointer(rebasing: scratch[..<clipped.count])))
    return nil
  }

  func checkOpen(_ inode: InodeNumber, forWriting: Bool) -> Errno? { forWriting ? .readOnly : nil }

  func openDirectory(
    _ inode: InodeNumber, _ answer: @escaping @Sendable (Result<DirectoryHandle, Errno>) -> Void
  ) -> (any PendingRequest)? {
    answer(.success(DirectoryHandle(rawValue: inode.rawValue, mayKeepCache: state.withLock { $0.mayKeepCache })))
    return nil
  }

  func readDirectory(
    _ handle: DirectoryHandle, after offset: Int64, limit: Int,
    _ answer: @escaping @Sendable (Result<[DirectoryEntry], Errno>) -> Void
  ) -> (any PendingRequest)? {
    var entries: [DirectoryEntry] = []
    state.withLock { $0.pages += 1 }
    for number in Int(offset)..<(files.count + 3) where entries.count < limit {
      let name: EntryName
      let attributes: Attributes
      switch number {
      case 0, 1: (name, attributes) = (number == 0 ? "." : "..", directoryAttributes(.root))
      case 2: (name, attributes) = ("held", directoryAttributes(Self.heldDirectory))
      default: (name, attributes) = (EntryName(files[number - 3].name), fileAttributes(number - 3))
      }
      entries.append(
        DirectoryEntry(
          name: name, attributes: attributes, offset: Int64(number + 1), entryValid: .infinite,
          attributesValid: .infinite, isDot: number < 2))
    }
    answer(.success(entries))
    return nil
  }

  func countLookups(_ entries: ArraySlice<DirectoryEntry>) {
    state.withLock { state in
      for entry in entries { state.lookups[entry.attributes.inode.rawValue, default: 0] += 1 }
    }
  }

  func releaseDirectory(_ handle: DirectoryHandle) { state.withLock { $0.releasedDirectories += 1 } }

  func statistics() -> VolumeStatistics { VolumeStatistics(capacity: 1 << 30, free: 1 << 29, files: 77) }

  func extendedAttribute(_ name: [UInt8], of inode: InodeNumber) -> Result<[UInt8], Errno> {
    name == Array("user.zarrfs.etag".utf8) ? .success(Array("\"abc\"".utf8)) : .failure(.noData)
  }

  func extendedAttributeNames(of inode: InodeNumber) -> Result<[[UInt8]], Errno> {
    .success([Array("user.zarrfs.etag".utf8), Array("user.zarrfs.key".utf8)])
  }
}
