import Foundation
import Testing

/// Who may import whom. SwiftPM does not see an import that is reachable only transitively, so the sources are read.
@Suite struct LayeringTests {
  static let table: [String: Set<String>] = [
    "Platform": ["CLinux"],
    "Objects": [],
    "Zarr": ["Objects", "FoundationEssentials"],
    "ObjectStorage": ["CCurl", "CExpat", "Objects", "Platform", "FoundationEssentials"],
    "Cache": ["CCrypto", "CLinux", "CSQLite", "CZlib", "Objects", "Platform"],
    "Fetch": ["Cache", "ObjectStorage", "Objects", "Platform", "Zarr"],
    "FileSystem": ["Fetch", "Objects", "Platform", "Zarr", "FoundationEssentials"],
    "FUSE": ["CFUSE", "FileSystem", "Objects", "Platform"],
    "Commands": [
      "CLinux", "Cache", "FUSE", "Fetch", "FileSystem", "ObjectStorage", "Objects", "Platform", "Zarr",
      "FoundationEssentials",
    ],
    "zarrfs": ["Commands"],
  ]

  /// Of the toolchain; allowed everywhere. Foundation, Dispatch and the concurrency library are not among them.
  static let everywhere: Set<String> = ["Glibc", "Synchronization"]

  static let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .deletingLastPathComponent()

  @Test(arguments: table.keys.sorted()) func importsGoOneWay(layer: String) throws {
    let allowed = try #require(Self.table[layer]).union(Self.everywhere)
    var files = 0
    for file in try Self.swiftFiles(under: "Sources/\(layer)") {
      files += 1
      let text = try String(contentsOf: file, encoding: .utf8)
      for line in text.split(separator: "\n") {
        let words = line.split(separator: " ")
        guard let position = words.firstIndex(of: "import"), position < 2, position + 1 < words.count,
          position == 0 || ["package", "public", "internal", "private", "@_exported"].contains(words[0])
        else { continue }
        let module = String(words[position + 1])
        #expect(allowed.contains(module), "\(file.lastPathComponent) of \(layer) imports \(module)")
      }
    }
    #expect(files > 0)
  }

  @Test func everyLayerIsInTheTable() throws {
    let layers = try FileManager.default.contentsOfDirectory(atPath: Self.root.appending(path: "Sources").path())
    let swift = layers.filter { !$0.hasPrefix("C") || $0 == "Cache" || $0 == "Commands" }
    #expect(Set(swift) == Set(Self.table.keys))
  }

  /// A closure as a generic's own state is wrapped by each access (see `Monitor`): seen as an overflow after 8,000 evictions.
  @Test func noMonitorHoldsABareClosure() throws {
    let bare = try Regex(#"Monitor<\(*(@|\([^()]*\) *(throws *)?->)"#)
    #expect("let hook = Monitor<(@Sendable (Int) -> Void)?>(nil)".contains(bare))
    for file in try Self.swiftFiles(under: "Sources") {
      let text = try String(contentsOf: file, encoding: .utf8)
      #expect(!text.contains(bare), "\(file.lastPathComponent)")
    }
  }

  static func swiftFiles(under path: String) throws -> [URL] {
    let directory = root.appending(path: path)
    let walk = try #require(FileManager.default.enumerator(at: directory, includingPropertiesForKeys: nil))
    return walk.compactMap { $0 as? URL }.filter { $0.pathExtension == "swift" }
  }
}
