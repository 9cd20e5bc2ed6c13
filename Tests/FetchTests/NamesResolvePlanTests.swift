import Fetch
import ObjectStorage
import Objects
import Testing

private let version = ObjectVersion(tag: EntityTag("\"a\""), size: 7, modified: 1)
private let down = StoreError(.unavailable, "503")
private let forbidden = StoreError(.forbidden, "403")

/// Event in, step out, as text.
private struct Script {
  var plan: ResolvePlan
  var last = ""

  init(_ purpose: ResolvePlan.Purpose = .unknown, canList: Bool = true, forbiddenMeansAbsent: Bool = false) {
    plan = ResolvePlan(purpose: purpose, canList: canList, forbiddenMeansAbsent: forbiddenMeansAbsent)
    last = plan.begin().map(Self.text).joined(separator: " ")
  }

  mutating func answer(_ question: ResolvePlan.Question, _ reply: ResolvePlan.Reply) -> String {
    switch plan.answer(question, reply) {
    case .wait: return "wait"
    case .ask(let questions): return questions.map(Self.text).joined(separator: " ")
    case .done(.known(.file)): return "file"
    case .done(.known(.directory)): return "directory"
    case .done(.known(.absent)): return "absent"
    case .done(.unknown(let error)): return "unknown \(error.kind == .forbidden ? "forbidden" : "down")"
    }
  }

  static func text(_ question: ResolvePlan.Question) -> String {
    switch question {
    case .head: "head"
    case .below: "below"
    case .exact: "exact"
    case .slash: "slash"
    case .document(let number): "document\(number)"
    case .get: "get"
    }
  }
}

@Suite struct NamesResolvePlanTests {
  @Test func asksHeadAndListAtOnce() { #expect(Script().last == "head below") }

  @Test func aFileIsWhatHeadFindsAndNothingLiesBelow() {
    var script = Script()
    #expect(script.answer(.head, .version(version)) == "wait")
    #expect(script.answer(.below, .nothing) == "file")
  }

  @Test func theDirectoryWinsOverTheObject() {
    var script = Script()
    #expect(script.answer(.head, .version(version)) == "wait")
    #expect(script.answer(.below, .something) == "directory")
  }

  @Test func theDirectoryNeedsNoHead() {
    var script = Script()
    #expect(script.answer(.below, .something) == "directory")
  }

  @Test func absentIsWhatBothDeny() {
    var script = Script()
    #expect(script.answer(.head, .nothing) == "wait")
    #expect(script.answer(.below, .nothing) == "absent")
  }

  @Test func aFileIsTakenWhenTheListFails() {
    var script = Script()
    #expect(script.answer(.below, .failed(down)) == "wait")
    #expect(script.answer(.head, .version(version)) == "file")
  }

  @Test func aDirectoryIsTakenWhenHeadFails() {
    var script = Script()
    #expect(script.answer(.head, .failed(down)) == "wait")
    #expect(script.answer(.below, .something) == "directory")
  }

  /// Promise 2: every way of not finding out.
  @Test func failuresAreNeverAbsence() {
    let replies: [ResolvePlan.Reply] = [
      .nothing, .failed(down), .failed(StoreError(.rejected, "400", status: 400)),
      .failed(StoreError(.garbled, "html")),
    ]
    for head in replies {
      for below in replies {
        var script = Script()
        _ = script.answer(.head, head)
        var end = script.answer(.below, below)
        if case .nothing = head, case .nothing = below { continue }
        // The last resort finds nothing: that there is none of four documents is not that there is nothing.
        if end.hasPrefix("document") {
          for number in 0..<4 { end = script.answer(.document(number), .nothing) }
        }
        #expect(end == "unknown down")
      }
    }
  }

  @Test func aForbiddenHeadIsSettledByAListOfTheName() {
    for (reply, end) in [(ResolvePlan.Reply.nothing, "absent"), (.version(version), "file")] {
      var script = Script()
      _ = script.answer(.head, .failed(forbidden))
      #expect(script.answer(.below, .nothing) == "exact")
      #expect(script.answer(.exact, reply) == end)
    }
    var script = Script()
    _ = script.answer(.head, .failed(forbidden))
    _ = script.answer(.below, .nothing)
    #expect(script.answer(.exact, .failed(down)) == "unknown forbidden")
  }

  @Test func whereListingIsForbiddenDocumentsTellADirectory() {
    var script = Script()
    _ = script.answer(.head, .failed(forbidden))
    #expect(script.answer(.below, .failed(forbidden)) == "document0 document1 document2 document3")
    #expect(script.answer(.document(0), .failed(forbidden)) == "wait")
    #expect(script.answer(.document(1), .version(version)) == "directory")
  }

  @Test func allForbiddenIsForbiddenUnlessLearnedToMeanAbsent() {
    for (learned, end) in [(false, "unknown forbidden"), (true, "absent")] {
      var script = Script(forbiddenMeansAbsent: learned)
      _ = script.answer(.head, .failed(forbidden))
      _ = script.answer(.below, .failed(forbidden))
      for number in 0..<3 { #expect(script.answer(.document(number), .failed(forbidden)) == "wait") }
      #expect(script.answer(.document(3), .failed(forbidden)) == end)
    }
  }

  @Test func aKnownFileIsRevalidatedByHeadAlone() {
    var script = Script(.file)
    #expect(script.last == "head")
    #expect(script.answer(.head, .version(version)) == "file")
    script = Script(.file)
    #expect(script.answer(.head, .failed(down)) == "unknown down")
    script = Script(.file)
    #expect(script.answer(.head, .nothing) == "below")
    #expect(script.answer(.below, .nothing) == "absent")
  }

  @Test func aKnownDirectoryIsRevalidatedByListAlone() {
    var script = Script(.directory)
    #expect(script.last == "below")
    #expect(script.answer(.below, .something) == "directory")
    script = Script(.directory)
    #expect(script.answer(.below, .nothing) == "head")
    #expect(script.answer(.head, .version(version)) == "file")
    script = Script(.directory)
    #expect(script.answer(.below, .failed(down)) == "unknown down")
  }

  // MARK: Without listing

  private let probes = "head slash document0 document1 document2 document3"

  private func plain(_ head: ResolvePlan.Reply, _ slash: ResolvePlan.Reply, _ documents: ResolvePlan.Reply) -> String {
    var script = Script(canList: false)
    #expect(script.last == probes)
    let events: [(ResolvePlan.Question, ResolvePlan.Reply)] =
      [(.head, head), (.slash, slash)] + (0..<4).map { (.document($0), documents) }
    var end = ""
    for (question, reply) in events {
      end = script.answer(question, reply)
      if end != "wait" { break }
    }
    return end
  }

  @Test func plainServers() {
    #expect(plain(.version(version), .nothing, .nothing) == "file")
    #expect(plain(.version(version), .version(version), .nothing) == "directory")
    #expect(plain(.nothing, .nothing, .nothing) == "absent")
    #expect(plain(.nothing, .nothing, .version(version)) == "directory")
    // nginx without an index.
    #expect(plain(.failed(forbidden), .failed(forbidden), .nothing) == "directory")
    // S3 without the right to list.
    #expect(plain(.failed(forbidden), .failed(forbidden), .failed(forbidden)) == "unknown forbidden")
    #expect(plain(.nothing, .nothing, .failed(down)) == "unknown down")
    #expect(plain(.nothing, .failed(down), .nothing) == "unknown down")
    #expect(plain(.failed(down), .nothing, .nothing) == "unknown down")
  }

  @Test func aKnownFileOfAPlainServerIsAskedByHeadUntilItIsGone() {
    var script = Script(.file, canList: false)
    #expect(script.last == "head")
    #expect(script.answer(.head, .nothing) == "slash document0 document1 document2 document3")
    for question: ResolvePlan.Question in [.slash, .document(0), .document(1), .document(2)] {
      #expect(script.answer(question, .nothing) == "wait")
    }
    #expect(script.answer(.document(3), .nothing) == "absent")
  }

  @Test func aGetSettlesIt() {
    var plan = ResolvePlan(purpose: .unknown, canList: true)
    #expect(plan.beginWithGet(.chunk) == [.get(.chunk)])
    guard case .done(.known(.absent)) = plan.answer(.get(.chunk), .nothing) else {
      Issue.record("a GET that finds nothing means absent")
      return
    }
  }
}
