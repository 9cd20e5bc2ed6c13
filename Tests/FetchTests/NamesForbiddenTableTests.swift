import Fetch
import ObjectStorage
import Objects
import Platform
import Testing

private let start = MonotonicTime(nanoseconds: 1_000_000_000_000)
private let down = StoreError(.unavailable, "503")

/// Event in, action out, as text. Questions are answered from a table of keys.
private struct Script {
  var table = ForbiddenTable()
  var now = start
  /// Names that are refused once.
  var passing: Set<ObjectKey> = []

  static func chunk(_ likely: [ObjectKey] = ["air/0.0", "air/9.9"], in array: ObjectKey = "air/") -> ForbiddenCase {
    ForbiddenCase(chunk: array.appending("5.5"), of: array, document: ".zarray", likely: likely)
  }

  static func text(_ questions: [ForbiddenTable.Question]) -> String {
    questions.map { question -> String in
      switch question {
      case .document(let key), .chunk(let key): "\(key)"
      case .impossible: "?"
      case .again(let key): "\(key)!"
      }
    }.sorted().joined(separator: " ")
  }

  mutating func begin(_ new: ForbiddenCase, _ ticket: Int) -> String {
    switch table.begin(new, ticket, at: now) {
    case .ask(let questions): refuseAgain(questions, in: new.directory)
    case .wait: "wait"
    case .denied: "denied"
    }
  }

  /// What is refused is refused again, unless a test says otherwise; the other questions.
  private mutating func refuseAgain(_ questions: [ForbiddenTable.Question], in directory: ObjectKey) -> String {
    for case .again(let key) in questions {
      let reply = passing.contains(key) ? ForbiddenTable.Reply.exists : .forbidden
      _ = table.answer(.again(key), reply, in: directory, at: now)
    }
    return Self.text(questions.filter { if case .again = $0 { false } else { true } })
  }

  mutating func answer(
    _ question: ForbiddenTable.Question, _ reply: ForbiddenTable.Reply, in directory: ObjectKey = "air/"
  ) -> String {
    guard let end = table.answer(question, reply, in: directory, at: now) else { return "" }
    let verdicts = end.verdicts.map { item in
      switch item.verdict {
      case .absent: "absent \(item.ticket)"
      case .denied: "denied \(item.ticket)"
      case .unknown: "unknown \(item.ticket)"
      }
    }
    return verdicts.joined(separator: " ") + (end.next.isEmpty ? "" : " -> \(refuseAgain(end.next, in: directory))")
  }
}

@Suite struct NamesForbiddenTableTests {
  private let document = ForbiddenTable.Question.document("air/.zarray")
  private let first = ForbiddenTable.Question.chunk("air/0.0")
  private let last = ForbiddenTable.Question.chunk("air/9.9")

  @Test func whereTheDocumentAndAChunkAreReadableAndNobodysNameIsForbiddenItIsAbsent() {
    var script = Script()
    #expect(script.begin(Script.chunk(), 1) == "? air/.zarray air/0.0 air/9.9")
    #expect(script.answer(document, .exists) == "")
    #expect(script.answer(.impossible, .forbidden) == "")
    #expect(script.answer(first, .exists) == "")
    #expect(script.answer(last, .forbidden) == "absent 1")
    // The lessons hold, but whether these credentials may still read is asked again.
    #expect(script.begin(Script.chunk(), 2) == "air/.zarray")
    #expect(script.answer(document, .exists) == "absent 2")
    #expect(script.begin(Script.chunk(), 3) == "air/.zarray")
    #expect(script.answer(document, .forbidden) == "denied 3")
    script.now = script.now + ForbiddenTable.lessonLife
    #expect(script.begin(Script.chunk(), 4) == "? air/.zarray air/0.0 air/9.9")
  }

  @Test func whereAllIsForbiddenItIsDenied() {
    var script = Script()
    _ = script.begin(Script.chunk(), 1)
    _ = script.answer(first, .forbidden)
    _ = script.answer(last, .forbidden)
    _ = script.answer(.impossible, .forbidden)
    #expect(script.answer(document, .forbidden) == "denied 1")
  }

  @Test func dataThatMayNotBeReadAreNotAbsent() {
    var script = Script()
    _ = script.begin(Script.chunk(), 1)
    _ = script.answer(document, .exists)
    _ = script.answer(.impossible, .forbidden)
    _ = script.answer(first, .forbidden)
    #expect(script.answer(last, .forbidden) == "denied 1")
  }

  @Test func aChunkReadElsewhereWillDo() {
    var script = Script()
    script.table.noteChunk(at: script.now)
    #expect(script.begin(Script.chunk(), 1) == "? air/.zarray")
    _ = script.answer(document, .exists)
    #expect(script.answer(.impossible, .forbidden) == "absent 1")
  }

  @Test func aRefusalThatPassesIsNoAbsence() {
    var script = Script()
    script.table.noteChunk(at: script.now)
    script.passing = ["air/5.5"]
    #expect(script.begin(Script.chunk(), 1) == "? air/.zarray")
    _ = script.answer(document, .exists)
    #expect(script.answer(.impossible, .forbidden) == "unknown 1")
  }

  @Test func aServerThatSaysNotFoundMeansItsForbidden() {
    var script = Script()
    script.table.noteChunk(at: script.now)
    _ = script.begin(Script.chunk(), 1)
    _ = script.answer(document, .exists)
    #expect(script.answer(.impossible, .absent) == "denied 1")
    #expect(script.begin(Script.chunk(), 2) == "denied")
    #expect(script.begin(Script.chunk(in: "other/"), 3).hasPrefix("?"))
  }

  @Test func whatFailsLeavesItUnknown() {
    for failing in [document, .impossible, first] {
      var script = Script()
      _ = script.begin(Script.chunk(["air/0.0"]), 1)
      var last = ""
      for question in [document, .impossible, first] where question != failing {
        last = script.answer(question, question == .impossible ? .forbidden : .exists)
      }
      last = script.answer(failing, .failed(down))
      #expect(last == "unknown 1")
    }
  }

  @Test func whoComesDuringARoundIsJudgedByTheNext() {
    var script = Script()
    script.table.noteChunk(at: script.now)
    _ = script.begin(Script.chunk(), 1)
    #expect(script.begin(Script.chunk(), 2) == "wait")
    #expect(script.begin(Script.chunk(), 3) == "wait")
    _ = script.answer(.impossible, .forbidden)
    #expect(script.answer(document, .exists) == "absent 1 -> air/.zarray")
    #expect(script.answer(document, .forbidden) == "denied 2 denied 3")
  }

  @Test func aDocumentIsAbsentBesideAReadableOne() throws {
    var script = Script()
    let attributes = try #require(ForbiddenCase(document: "air/.zattrs"))
    #expect(ForbiddenCase(document: "air/0.0") == nil)
    let asked = script.begin(attributes, 1)
    #expect(asked == "? air/.zarray air/.zgroup air/.zmetadata air/zarr.json")
    for name: ObjectKey in ["air/.zgroup", "air/.zmetadata", "air/zarr.json"] {
      _ = script.answer(.document(name), .forbidden)
    }
    _ = script.answer(.impossible, .forbidden)
    #expect(script.answer(document, .exists) == "absent 1")
    // A chunk needs more.
    #expect(script.begin(Script.chunk(), 2) == "air/.zarray air/0.0 air/9.9")
  }

  @Test func chunksAndDocumentsAreJudgedApart() throws {
    var script = Script()
    let attributes = try #require(ForbiddenCase(document: "air/.zattrs"))
    _ = script.begin(attributes, 1)
    _ = script.begin(Script.chunk(), 2)
    _ = script.begin(attributes, 3)
    _ = script.begin(Script.chunk(), 4)
    for name: ObjectKey in ["air/.zgroup", "air/.zmetadata", "air/zarr.json"] {
      _ = script.answer(.document(name), .forbidden)
    }
    _ = script.answer(.impossible, .forbidden)
    #expect(script.answer(document, .exists) == "absent 1 -> air/.zarray air/0.0 air/9.9")
    _ = script.answer(first, .forbidden)
    _ = script.answer(last, .forbidden)
    #expect(
      script.answer(document, .exists) == "denied 2 denied 4 -> air/.zarray air/.zgroup air/.zmetadata air/zarr.json")
  }
}
