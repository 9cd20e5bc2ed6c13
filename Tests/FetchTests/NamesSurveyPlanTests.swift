import Fetch
import ObjectStorage
import Objects
import Testing

private let down = FetchFailure.unavailable(StoreError(.unavailable, "503"))
private let forbidden = FetchFailure.forbidden(StoreError(.forbidden, "403"))
private let there = SurveyPlan.Reply.found(InodeNumber(70_000))

private struct Script {
  var plan: SurveyPlan
  var last: String
  private var open: [ObjectKey]

  init(_ directory: ObjectKey = .root, isOffline: Bool = false, known: [SurveyPlan.Source] = []) {
    plan = SurveyPlan(directory, isOffline: isOffline)
    open = plan.begin(known: known)
    last = Self.text(open)
  }

  static func text(_ keys: [ObjectKey]) -> String { keys.map { "\($0)" }.joined(separator: " ") }

  /// Answers all that is asked: `replies`, and absent for the rest.
  mutating func answer(_ replies: [ObjectKey: SurveyPlan.Reply]) -> String {
    let asked = open
    for key in asked {
      let step = plan.answer(key, replies[key] ?? .absent)
      if step != .wait { return note(step) }
    }
    return "wait"
  }

  mutating func learned(_ sources: [SurveyPlan.Source] = []) -> String { note(plan.learned(sources)) }

  private mutating func note(_ step: SurveyPlan.Step) -> String {
    open = []
    switch step {
    case .wait: return "wait"
    case .ask(let keys):
      open = keys
      return "ask \(Self.text(keys))"
    case .read(let keys): return "read \(Self.text(keys))"
    case .done(let hidden, let isEmpty):
      return (["done"] + hidden.map { "-\($0)" }.sorted() + (isEmpty ? ["empty"] : [])).joined(separator: " ")
    case .failed(let failure): return failure == forbidden ? "forbidden" : failure == down ? "down" : "failed"
    }
  }
}

@Suite struct NamesSurveyPlanTests {
  private static let names = [".zgroup", "air/.zarray", "air/.zattrs", "sub/.zgroup", "sub/x/.zarray"]

  private static func source(_ names: [String] = names, at group: ObjectKey = .root) throws -> SurveyPlan.Source {
    SurveyPlan.Source(group: group, tree: try NamesDocumentTreeTests.tree(names))
  }

  @Test func withoutMetadataTheDocumentsAreAllThereIs() {
    var script = Script()
    #expect(script.last == ".zarray .zattrs .zgroup .zmetadata zarr.json")
    #expect(script.answer([".zarray": there, ".zattrs": there]) == "read .zarray")
    #expect(script.learned() == "done")
    script = Script()
    #expect(script.answer([:]) == "read ")
    #expect(script.learned() == "done empty")
  }

  @Test func whatMetadataNamesIsAskedFor() throws {
    var script = Script()
    #expect(script.answer([".zgroup": there, ".zmetadata": there]) == "read .zmetadata")
    #expect(script.learned([try Self.source()]) == "ask air/.zarray sub/.zgroup")
    #expect(script.answer(["air/.zarray": there]) == "done -sub")
  }

  @Test func aDirectoryThatIsSpokenOfAboveIsNotGuessedAt() throws {
    var script = Script("sub/", known: [try Self.source()])
    #expect(script.last == ".zmetadata zarr.json")
    #expect(script.answer([".zmetadata": there]) == "read .zmetadata")
    #expect(script.learned([try Self.source()]) == "ask sub/.zgroup sub/x/.zarray")
    #expect(script.answer(["sub/.zgroup": there, "sub/x/.zarray": there]) == "done")
    // It was; but it is so no more.
    script = Script("sub/", known: [try Self.source()])
    #expect(script.answer([:]) == "read ")
    #expect(script.learned() == "ask sub/.zarray sub/.zattrs sub/.zgroup sub/.zmetadata sub/zarr.json")
    #expect(script.answer(["sub/zarr.json": there]) == "read sub/zarr.json")
    #expect(script.learned() == "done")
  }

  @Test func hintsAboveComeWithTheFirstQuestions() {
    let script = Script("a/b/")
    #expect(
      script.last
        == ".zmetadata a/.zmetadata a/b/.zarray a/b/.zattrs a/b/.zgroup a/b/.zmetadata a/b/zarr.json a/zarr.json zarr.json"
    )
  }

  @Test func whileTheRemoteFailsThereIsNoListing() throws {
    var script = Script()
    #expect(script.answer([".zattrs": .failed(down)]) == "down")
    script = Script("a/")
    #expect(script.answer([".zmetadata": .failed(down)]) == "down")
    for (failing, verdict) in [("air/.zarray", "down"), ("air/.zattrs", "down")] {
      var script = Script("air/", known: [try Self.source()])
      _ = script.answer([".zmetadata": there])
      _ = script.learned([try Self.source()])
      #expect(script.answer([ObjectKey(failing): .failed(down)]) == verdict)
    }
  }

  @Test func whatIsForbiddenIsMissedOnlyWhereItIsGuessed() throws {
    var script = Script()
    #expect(script.answer([".zattrs": .failed(forbidden), ".zgroup": there]) == "read ")
    #expect(script.learned() == "done")
    script = Script()
    _ = script.answer([".zattrs": .failed(forbidden), ".zgroup": .failed(forbidden)])
    #expect(script.learned() == "forbidden")
    // A child that may not be looked into is shown; a document that is named must be readable.
    script = Script()
    _ = script.answer([".zmetadata": there])
    _ = script.learned([try Self.source()])
    #expect(script.answer(["air/.zarray": .failed(forbidden)]) == "done -sub")
    script = Script("air/", known: [try Self.source()])
    _ = script.answer([".zmetadata": there])
    _ = script.learned([try Self.source()])
    #expect(script.answer(["air/.zattrs": .failed(forbidden)]) == "forbidden")
  }

  @Test func offlineShowsWhatIsKnown() throws {
    var script = Script(isOffline: true)
    #expect(script.answer([".zattrs": .failed(down), ".zmetadata": there]) == "read .zmetadata")
    #expect(script.learned([try Self.source()]) == "ask air/.zarray sub/.zgroup")
    #expect(script.answer(["air/.zarray": .failed(down), "sub/.zgroup": .failed(down)]) == "done")
    script = Script("air/", isOffline: true, known: [try Self.source()])
    _ = script.answer([".zmetadata": there])
    _ = script.learned([try Self.source()])
    #expect(script.answer(["air/.zattrs": .failed(down)]) == "down")
  }
}
