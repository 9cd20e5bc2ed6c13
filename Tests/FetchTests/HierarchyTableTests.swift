import Objects
import Platform
import Testing

@testable import Fetch

/// The hierarchy as a script: documents and names in, advice out.
@Suite struct HierarchyTableTests {
  private static let start = WallTime(milliseconds: 1_000_000)
  private static let later = start + .seconds(61)

  private static func table(list: Bool = true, prefetch: Int = 32) -> HierarchyTable {
    HierarchyTable(
      HierarchyTable.Configuration(
        timeToLive: .seconds(60), canList: list, prefetchChunks: prefetch, prefetchBytes: 64 << 20))
  }

  private static func array(_ shape: String, _ chunks: String, separator: String = ".") -> String {
    """
    {"zarr_format":2,"shape":\(shape),"chunks":\(chunks),"dtype":"<f4","compressor":null,"fill_value":0,
     "order":"C","filters":null,"dimension_separator":"\(separator)"}
    """
  }

  private static func learn(_ table: inout HierarchyTable, _ key: ObjectKey, _ text: String) -> [Ahead] {
    guard let document = HierarchyTable.Document(key, Array(text.utf8)) else { return [] }
    return table.learn(document, at: start)
  }

  private static func judge(
    _ table: inout HierarchyTable, _ name: EntryName, in directory: ObjectKey, at time: WallTime = start
  ) -> Advice {
    table.judge(name, in: directory, at: time, MonotonicTime(nanoseconds: 0))
  }

  @Test func nothingIsKnownWithoutADocument() {
    var table = Self.table()
    #expect(Self.judge(&table, "0.0", in: "air/") == Advice(.ask))
    #expect(Self.judge(&table, "air", in: .root) == Advice(.ask))
  }

  @Test func arraysAndTheGroupsAboveThemAreDirectories() {
    var table = Self.table()
    _ = Self.learn(&table, "a/b/air/.zarray", Self.array("[100,100]", "[10,10]"))
    for key: ObjectKey in ["a/", "a/b/", "a/b/air/"] {
      let isNamed = table.isNamed(key)
      #expect(isNamed)
    }
    for key: ObjectKey in ["b/", "a/b/ai/", "a/b/air/0/"] {
      let isNamed = table.isNamed(key)
      #expect(!isNamed)
    }
  }

  @Test func ofAnArrayOfManyChunksTheNamesWithADotAreListed() {
    var table = Self.table()
    _ = Self.learn(&table, "air/.zarray", Self.array("[100000,100]", "[1,100]"))
    #expect(Self.judge(&table, "7.0", in: "air/").ahead.isEmpty)
    #expect(Self.judge(&table, ".zattrs", in: "air/") == Advice(.askByGet(.metadata), ahead: [.listDots("air/")]))
    #expect(Self.judge(&table, ".zgroup", in: "air/") == Advice(.askByGet(.metadata)), "once")
    table.dotted("air/", [".zarray", ".notes"], at: Self.start)
    #expect(Self.judge(&table, ".zattrs", in: "air/") == Advice(.absent(since: Self.start)))
    #expect(Self.judge(&table, ".aux", in: "air/") == Advice(.absent(since: Self.start)))
    #expect(Self.judge(&table, ".zarray", in: "air/") == Advice(.askByGet(.metadata)))
    #expect(Self.judge(&table, ".notes", in: "air/") == Advice(.ask))
    #expect(Self.judge(&table, "zarr.json", in: "air/") == Advice(.askByGet(.metadata)), "not of these names")
    #expect(Self.judge(&table, "x.aux.xml", in: "air/") == Advice(.ask))
    #expect(Self.judge(&table, ".zattrs", in: "air/", at: Self.later).judgement == .askByGet(.metadata))
  }

  @Test func aDocumentIsAskedForByGetAndItsDirectoryListedOnce() {
    var table = Self.table()
    #expect(
      Self.judge(&table, ".zmetadata", in: "a/") == Advice(.askByGet(.metadata), ahead: [.listDirectory("a/")]))
    #expect(Self.judge(&table, "zarr.json", in: "a/") == Advice(.askByGet(.metadata)))
    #expect(
      Self.judge(&table, ".zgroup", in: "a/", at: Self.later).ahead == [.listDirectory("a/")])
  }

  @Test func aChunkInsideTheGridIsItsGetAndTheArrayIsListedOnce() {
    var table = Self.table()
    _ = Self.learn(&table, "a/air/.zarray", Self.array("[100,100]", "[10,10]"))
    let first = Self.judge(&table, "0.0", in: "a/air/")
    #expect(first.judgement == .askByGet(.chunk))
    #expect(first.ahead.contains(.listArray("a/air/")))
    #expect(!Self.judge(&table, "5.3", in: "a/air/").ahead.contains(.listArray("a/air/")))
  }

  @Test func outsideTheGridIsAbsentWhileTheDocumentIsFresh() {
    var table = Self.table()
    _ = Self.learn(&table, "air/.zarray", Self.array("[100,100]", "[10,10]"))
    #expect(Self.judge(&table, "10.0", in: "air/").judgement == .absent(since: Self.start))
    #expect(Self.judge(&table, "10.0", in: "air/", at: Self.later).judgement == .ask)
  }

  @Test func directoriesOfNestedKeysExistByConstruction() {
    var table = Self.table()
    _ = Self.learn(&table, "air/.zarray", Self.array("[100,100]", "[10,10]", separator: "/"))
    #expect(Self.judge(&table, "3", in: "air/").judgement == .directory)
    #expect(Self.judge(&table, "9", in: "air/3/").judgement == .askByGet(.chunk))
    #expect(Self.judge(&table, "10", in: "air/").judgement == .absent(since: Self.start))
  }

  @Test func aCompleteListingAnswersForTheWholeArray() {
    var table = Self.table()
    _ = Self.learn(&table, "air/.zarray", Self.array("[100,100]", "[10,10]"))
    _ = Self.judge(&table, "0.0", in: "air/")
    #expect(Self.judge(&table, "0.1", in: "air/").judgement == .askByGet(.chunk), "not before its end")
    table.listed("air/", ["air/.zarray", "air/0.0", "air/notes.txt"], at: Self.start)
    #expect(Self.judge(&table, "0.1", in: "air/").judgement == .absent(since: Self.start))
    #expect(Self.judge(&table, "0.0", in: "air/").judgement == .askByGet(.chunk))
    #expect(Self.judge(&table, ".zattrs", in: "air/").judgement == .absent(since: Self.start))
    #expect(Self.judge(&table, "notes.txt", in: "air/").judgement == .ask)
    #expect(Self.judge(&table, "0.1", in: "air/", at: Self.later).judgement == .askByGet(.chunk))
  }

  @Test func aChunkHasTheDocumentOfItsArray() {
    var table = Self.table()
    _ = Self.learn(&table, "air/.zarray", Self.array("[100,100]", "[10,10]"))
    let document = table.document(of: "air/9.9")
    #expect(document == DocumentPlace(node: "air/", name: ".zarray"))
    let others = ["air/10.0", "air/.zattrs", "air/notes.txt", "9.9"].map { table.document(of: ObjectKey($0)) }
    #expect(others == [nil, nil, nil, nil])
  }

  @Test func aListingIsAsOldAsItsBeginning() {
    var table = Self.table()
    _ = Self.learn(&table, "air/.zarray", Self.array("[100,100]", "[10,10]"))
    _ = Self.judge(&table, "0.0", in: "air/")
    // It took half a minute, in which chunks were written that it had passed.
    table.listed("air/", ["air/0.0"], at: Self.start)
    let since = Self.judge(&table, "0.1", in: "air/", at: Self.start + .seconds(30)).judgement
    #expect(since == .absent(since: Self.start))
    #expect(Self.judge(&table, "0.1", in: "air/", at: Self.later).judgement == .askByGet(.chunk))
  }

  @Test func aListingThatBrokeOffSaysNothing() {
    var table = Self.table()
    _ = Self.learn(&table, "air/.zarray", Self.array("[100,100]", "[10,10]"))
    _ = Self.judge(&table, "0.0", in: "air/")
    table.listed("air/", nil, at: Self.start)
    #expect(Self.judge(&table, "0.1", in: "air/") == Advice(.askByGet(.chunk)))
  }

  @Test func aWalkIsFetchedAhead() {
    var table = Self.table()
    _ = Self.learn(&table, "air/.zarray", Self.array("[1000,10]", "[10,10]"))
    var ahead = [Ahead]()
    for index in 0..<8 { ahead += Self.judge(&table, EntryName("\(index).0"), in: "air/").ahead }
    #expect(ahead.contains(.object(base: "air/", path: "8.0", .prefetched)))
    #expect(!ahead.contains(.object(base: "air/", path: "0.0", .prefetched)))
  }

  @Test func nothingIsFetchedAheadWhenSwitchedOff() {
    var table = Self.table(prefetch: 0)
    let learnt = Self.learn(&table, "air/.zarray", Self.array("[1000,10]", "[10,10]"))
    #expect(learnt.isEmpty)
    for index in 0..<8 {
      #expect(Self.judge(&table, EntryName("\(index).0"), in: "air/") == Advice(.askByGet(.chunk)))
    }
  }

  @Test func consolidatedMetadataTellsCoordinatesAndDocuments() {
    var table = Self.table()
    let text = """
      {"zarr_consolidated_format":1,"metadata":{".zgroup":{"zarr_format":2},
      "lat/.zarray":\(Self.array("[20]", "[10]")),"lat/.zattrs":{"_ARRAY_DIMENSIONS":["lat"]},
      "air/.zarray":\(Self.array("[100,20]", "[10,10]")),"air/.zattrs":{"_ARRAY_DIMENSIONS":["time","lat"]}}}
      """
    let ahead = Self.learn(&table, "d/.zmetadata", text)
    #expect(ahead.contains(.object(base: "d/", path: "lat/0", .coordinate)))
    #expect(ahead.contains(.object(base: "d/", path: "lat/1", .coordinate)))
    #expect(ahead.contains(.object(base: "d/", path: "air/.zattrs", .metadata)))
    #expect(!ahead.contains(.object(base: "d/", path: "air/0.0", .coordinate)))
    #expect(Self.judge(&table, "0", in: "d/lat/").judgement == .askByGet(.coordinate))
  }

  @Test func hostileDocumentsMakeTheDirectoryPlain() {
    var table = Self.table()
    _ = Self.learn(&table, "air/.zarray", Self.array("[100]", "[10]"))
    for text in ["", "{", "[1,2]", Self.array("[100]", "[0]"), Self.array("[1e400]", "[1]")] {
      _ = Self.learn(&table, "air/.zarray", text)
      #expect(Self.judge(&table, "0", in: "air/").judgement == .ask, "\(text)")
    }
  }
}
