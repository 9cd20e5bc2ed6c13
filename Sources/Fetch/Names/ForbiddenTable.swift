package import ObjectStorage
package import Objects
package import Platform

/// What a 403 means: S3 answers it for what is absent where the reader may not list (no s3:ListBucket), and for what may
/// not be read. Pure.
///
/// It means absent where it is said again and, *after* it came, a document of the same directory could still be read and
/// a name that nobody has is answered 403 there; for a chunk, some chunk must have been readable too, for documents may
/// be public where data are not. So credentials that expire, or a policy that changes, never turn chunks into fill values. One round of
/// questions for a directory answers all who came before it began.
package struct ForbiddenTable: Sendable {
  package enum Question: Hashable, Sendable {
    case document(ObjectKey)
    case chunk(ObjectKey)
    /// A name in the directory that nobody has.
    case impossible
    /// The refused name itself: a refusal that passes was none of what is absent.
    case again(ObjectKey)
  }

  package enum Reply: Sendable {
    case exists, absent, forbidden
    case failed(StoreError)
  }

  package enum Verdict: Sendable {
    case absent, denied
    case unknown(StoreError)
  }

  /// Who asked.
  package typealias Ticket = Int

  package enum Beginning: Equatable, Sendable {
    case ask([Question])
    /// For the round after the one under way.
    case wait
    case denied
  }

  package struct Conclusion: Sendable {
    package var verdicts: [(ticket: Ticket, verdict: Verdict)]
    /// Of the next round, for those who came meanwhile.
    package var next: [Question]
  }

  /// How long the lessons hold: that a directory answers 403 for what is not there (or does not), and that chunks can
  /// be read. The document is asked for in every round.
  package static let lessonLife = Interval.seconds(300)
  private static let directories = 4096

  private struct Round {
    var cases: [(ticket: Ticket, case: ForbiddenCase)]
    var waiting: [(ticket: Ticket, case: ForbiddenCase)] = []
    var asked: Set<Question>
    var replies: [Question: Reply] = [:]
  }

  private struct Lesson {
    var at: MonotonicTime
    /// What the name that nobody has was answered: 403, or 404.
    var isForbidden: Bool
  }

  private var rounds: [ObjectKey: Round] = [:]
  private var lessons = LeastRecentlyUsed<ObjectKey, Lesson>(capacity: directories)
  private var chunkRead: MonotonicTime?

  package init() {}

  /// A chunk was read.
  package mutating func noteChunk(at now: MonotonicTime) { chunkRead = now }

  package mutating func begin(_ new: ForbiddenCase, _ ticket: Ticket, at now: MonotonicTime) -> Beginning {
    if rounds[new.directory] != nil {
      rounds[new.directory]?.waiting.append((ticket, new))
      return .wait
    }
    if let lesson = lesson(of: new.directory, at: now), !lesson.isForbidden { return .denied }
    return .ask(start([(ticket, new)], in: new.directory, at: now))
  }

  private mutating func start(
    _ cases: [(ticket: Ticket, case: ForbiddenCase)], in directory: ObjectKey, at now: MonotonicTime
  ) -> [Question] {
    var questions: Set<Question> = []
    for (_, item) in cases {
      questions.insert(.again(item.key))
      questions.formUnion(item.documents.map { .document($0) })
      if item.isChunk, !hasReadChunk(at: now) { questions.formUnion(item.chunks.prefix(16).map { .chunk($0) }) }
    }
    if lesson(of: directory, at: now) == nil { questions.insert(.impossible) }
    rounds[directory] = Round(cases: cases, asked: questions)
    return Array(questions)
  }

  /// nil: more answers are to come.
  package mutating func answer(
    _ question: Question, _ reply: Reply, in directory: ObjectKey, at now: MonotonicTime
  ) -> Conclusion? {
    rounds[directory]?.replies[question] = reply
    guard let round = rounds[directory], round.replies.count == round.asked.count else { return nil }
    let verdict = verdict(round, directory, now)
    rounds[directory] = nil
    let next = Self.batch(round.waiting)
    var questions: [Question] = []
    if !next.now.isEmpty {
      questions = start(next.now, in: directory, at: now)
      rounds[directory]?.waiting = next.later
    }
    let verdicts = round.cases.map { item in
      (ticket: item.ticket, verdict: Self.verdict(verdict, round.replies[.again(item.case.key)], item.case.key))
    }
    return Conclusion(verdicts: verdicts, next: questions)
  }

  /// Chunks and documents are judged by different evidence, so in different rounds.
  private static func batch(
    _ waiting: [(ticket: Ticket, case: ForbiddenCase)]
  ) -> (now: [(ticket: Ticket, case: ForbiddenCase)], later: [(ticket: Ticket, case: ForbiddenCase)]) {
    guard let first = waiting.first else { return ([], []) }
    return (
      waiting.filter { $0.case.isChunk == first.case.isChunk }, waiting.filter { $0.case.isChunk != first.case.isChunk }
    )
  }

  private mutating func verdict(_ round: Round, _ directory: ObjectKey, _ now: MonotonicTime) -> Verdict {
    switch round.replies[.impossible] {
    case nil, .exists: break
    case .forbidden: lessons.insert(Lesson(at: now, isForbidden: true), for: directory)
    case .absent: lessons.insert(Lesson(at: now, isForbidden: false), for: directory)
    case .failed(let error): return .unknown(error)
    }
    guard lesson(of: directory, at: now)?.isForbidden == true else { return .denied }
    let documents = round.asked.filter { if case .document = $0 { true } else { false } }
    let chunks = round.asked.filter { if case .chunk = $0 { true } else { false } }
    if let doubt = Self.doubt(round, documents) { return doubt }
    guard round.cases.contains(where: { $0.case.isChunk }) else { return .absent }
    if let doubt = Self.doubt(round, chunks) { return hasReadChunk(at: now) ? .absent : doubt }
    chunkRead = now
    return .absent
  }

  /// Of one name, by what it was answered the second time.
  private static func verdict(_ verdict: Verdict, _ again: Reply?, _ key: ObjectKey) -> Verdict {
    guard case .absent = verdict else { return verdict }
    switch again {
    case .forbidden, .absent, nil: return .absent
    case .exists: return .unknown(StoreError(.unavailable, "\(key) was refused, and then found: try again"))
    case .failed(let error): return .unknown(error)
    }
  }

  /// nil: one of them exists and can be read.
  private static func doubt(_ round: Round, _ questions: Set<Question>) -> Verdict? {
    var failure: StoreError?
    for question in questions {
      switch round.replies[question] {
      case .exists: return nil
      case .failed(let error): failure = error
      case .absent, .forbidden, nil: break
      }
    }
    return failure.map { .unknown($0) } ?? .denied
  }

  private func hasReadChunk(at now: MonotonicTime) -> Bool {
    chunkRead.map { now - $0 < Self.lessonLife } ?? false
  }

  private mutating func lesson(of directory: ObjectKey, at now: MonotonicTime) -> Lesson? {
    guard let lesson = lessons.use(directory), now - lesson.at < Self.lessonLife else { return nil }
    return lesson
  }
}
