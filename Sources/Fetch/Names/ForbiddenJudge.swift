import ObjectStorage
import Objects
import Platform

/// Asks what `ForbiddenTable` wants to know: the lock, and the HEADs.
final class ForbiddenJudge: Sendable {
  private struct State {
    var table = ForbiddenTable()
    var answers: [ForbiddenTable.Ticket: @Sendable (ForbiddenTable.Verdict) -> Void] = [:]
    var last = 0
  }

  private let store: any ObjectStore
  private let time: any TimeSource
  private let counters: NameCounters
  private let state = Monitor(State())
  /// Guessed by nobody, and no key of anybody's.
  private let impossible: EntryName

  init(store: any ObjectStore, time: any TimeSource, counters: NameCounters) {
    self.store = store
    self.time = time
    self.counters = counters
    let words = (0..<2).map { _ in UInt64.random(in: .min ... .max) }
    impossible = EntryName("zarrfs-absent-" + words.map { String($0, radix: 16) }.joined())
  }

  func noteChunk() {
    let now = time.monotonic()
    state.withLock { $0.table.noteChunk(at: now) }
  }

  /// Answers once, perhaps on this stack. Called after the 403 came.
  func judge(_ new: ForbiddenCase, _ answer: @escaping @Sendable (ForbiddenTable.Verdict) -> Void) {
    let now = time.monotonic()
    let beginning = state.withLock { state -> ForbiddenTable.Beginning in
      state.last += 1
      let beginning = state.table.begin(new, state.last, at: now)
      if beginning != .denied { state.answers[state.last] = answer }
      return beginning
    }
    switch beginning {
    case .ask(let questions): ask(questions, in: new.directory)
    case .wait: break
    case .denied: answer(.denied)
    }
  }

  private func ask(_ questions: [ForbiddenTable.Question], in directory: ObjectKey) {
    counters.count(.questions, questions.count)
    for question in questions {
      let key: ObjectKey
      switch question {
      case .document(let document): key = document
      case .chunk(let chunk): key = chunk
      case .again(let refused): key = refused
      case .impossible: key = directory.appending(impossible)
      }
      store.head(key, priority: .demand) { [self] result in
        switch result {
        case .success: answered(question, .exists, in: directory)
        case .failure(let error) where error.kind == .notFound: answered(question, .absent, in: directory)
        case .failure(let error) where error.kind == .forbidden: answered(question, .forbidden, in: directory)
        case .failure(let error): answered(question, .failed(error), in: directory)
        }
      }
    }
  }

  private func answered(
    _ question: ForbiddenTable.Question, _ reply: ForbiddenTable.Reply, in directory: ObjectKey
  ) {
    let now = time.monotonic()
    let (conclusion, answers) = state.withLock { state in
      let conclusion = state.table.answer(question, reply, in: directory, at: now)
      let answers = conclusion?.verdicts.compactMap { item in
        state.answers.removeValue(forKey: item.ticket).map { (answer: $0, verdict: item.verdict) }
      }
      return (conclusion, answers ?? [])
    }
    guard let conclusion else { return }
    for item in answers { item.answer(item.verdict) }
    ask(conclusion.next, in: directory)
  }
}
