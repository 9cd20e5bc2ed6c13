import Objects
import Platform

/// One survey under way. All that varies is guarded.
final class Survey: Sendable {
  struct State {
    var plan: SurveyPlan
    /// To be looked up, the next one last.
    var waiting: [ObjectKey] = []
    var underWay = 0
    var isPumping = false
    /// Documents that may have to be read.
    var found: [ObjectKey: Entry] = [:]
    /// Still to come.
    var reads = 0
    var sources: [SurveyPlan.Source] = []
    var isOver = false

    mutating func beginPumping() -> Bool {
      defer { isPumping = true }
      return !isPumping
    }

    /// nil ends the pumping.
    mutating func next(_ window: Int) -> ObjectKey? {
      if !isOver, underWay < window, let key = waiting.popLast() {
        underWay += 1
        return key
      }
      isPumping = false
      return nil
    }
  }

  let directory: DirectoryReference
  let state: Monitor<State>
  private let answer: @Sendable (Result<Surveyor.Finding, FetchFailure>) -> Void

  init(
    _ directory: DirectoryReference, isOffline: Bool,
    _ answer: @escaping @Sendable (Result<Surveyor.Finding, FetchFailure>) -> Void
  ) {
    self.directory = directory
    self.answer = answer
    state = Monitor(State(plan: SurveyPlan(directory.key, isOffline: isOffline)))
  }

  /// Answers, once.
  func end(_ result: Result<Surveyor.Finding, FetchFailure>) {
    let wasOver = state.withLock { state in
      defer { state.isOver = true }
      return state.isOver
    }
    if !wasOver { answer(result) }
  }
}
