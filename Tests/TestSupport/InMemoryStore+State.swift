import ObjectStorage
import Objects
import Platform

extension InMemoryStore {
  /// What the store's thread does next, decided under the lock and done without it.
  enum Step {
    case stop([Operation])
    case fail(Operation, StoreError)
    case head(@Sendable (Result<ObjectVersion, StoreError>) -> Void, Result<ObjectVersion, StoreError>)
    case list(@Sendable (Result<ListPage, StoreError>) -> Void, Result<ListPage, StoreError>)
    case begin(Operation, GetHead, any GetReceiver)
    case piece(Operation, Range<Int>, any GetReceiver)
    case end(any GetReceiver)
  }

  struct Scripted {
    var left: Int
    var error: StoreError
    /// nil: instead of an answer; else in the body, after so many bytes.
    var afterBytes: Int?
    var matches: @Sendable (Request) -> Bool
  }

  struct State {
    var bucket = InMemoryBucket()
    var requests: [Request] = []
    var bytesSent: Int64 = 0
    /// Not answered to the end, in the order asked.
    var pending: [Operation] = []
    var isStopped = false
    var hold: (@Sendable (Request) -> Bool)?
    /// Held requests that may be answered all the same; kept, so that no later one is taken for them.
    var allowed: [Operation] = []
    var outage: Outage?
    var bodyHold: (after: Int, matches: @Sendable (Request) -> Bool)?
    var scripted: [Scripted] = []
    var pieceSize = 64 * 1024
    var ignoresRanges = false
    var answersForbiddenForAbsent = false

    func isHeld(_ operation: Operation) -> Bool {
      if allowed.contains(where: { $0 === operation }) { return false }
      if case .stalling = outage { return true }
      if let hold, hold(operation.request) { return true }
      return isBodyHeld(operation)
    }

    func isBodyHeld(_ operation: Operation) -> Bool {
      guard let bodyHold, operation.range != nil, bodyHold.matches(operation.request) else { return false }
      return operation.sent >= bodyHold.after
    }

    mutating func returnToFront(_ operation: Operation) { pending.insert(operation, at: 0) }

    mutating func nextStep() -> Step? {
      if isStopped { return .stop(pending) }
      if let index = pending.firstIndex(where: { $0.isCancelled }) {
        return .fail(pending.remove(at: index), InMemoryStore.cancelled)
      }
      let ready = pending.indices.filter { !isHeld(pending[$0]) }
      guard let index = ready.first(where: { pending[$0].priority == .demand }) ?? ready.first else { return nil }
      return step(for: pending.remove(at: index))
    }

    private mutating func step(for operation: Operation) -> Step {
      if operation.range == nil {
        if let failure = operation.failure ?? scriptedFailure(for: operation) { return .fail(operation, failure) }
        if case .failing(let error) = outage { return .fail(operation, error) }
      }
      switch operation.work {
      case .head(let key, let completion):
        let found = bucket[key].map { Result<ObjectVersion, StoreError>.success($0.version) }
        return .head(completion, found ?? .failure(absent(key)))
      case .list(let request, let completion):
        do throws(StoreError) { return .list(completion, .success(try bucket.page(request))) } catch {
          return .list(completion, .failure(error))
        }
      case .get(var request, let receiver):
        guard let range = operation.range else {
          if ignoresRanges { request.range = .whole }
          do throws(StoreError) {
            let found = try bucket.resolve(request)
            operation.bytes = found.object.bytes
            operation.range = Int(found.range.lowerBound)..<Int(found.range.upperBound)
            return .begin(operation, GetHead(version: found.object.version, range: found.range), receiver)
          } catch { return .fail(operation, error.kind == .notFound ? absent(request.key) : error) }
        }
        if let broken = operation.bodyFailure, operation.sent >= broken.after { return .fail(operation, broken.error) }
        guard operation.sent < range.count else { return .end(receiver) }
        var count = min(pieceSize, range.count - operation.sent)
        if let broken = operation.bodyFailure { count = min(count, broken.after - operation.sent) }
        if let bodyHold, bodyHold.after > operation.sent, bodyHold.matches(operation.request) {
          count = min(count, bodyHold.after - operation.sent)
        }
        let start = range.lowerBound + operation.sent
        operation.sent += count
        return .piece(operation, start..<start + count, receiver)
      }
    }

    /// The failure to answer with; one in the body is noted in the operation.
    private mutating func scriptedFailure(for operation: Operation) -> StoreError? {
      let request = operation.request
      guard let index = scripted.firstIndex(where: { $0.matches(request) }) else { return nil }
      let script = scripted[index]
      scripted[index].left -= 1
      if scripted[index].left == 0 { scripted.remove(at: index) }
      if let after = script.afterBytes {
        operation.bodyFailure = (after, script.error)
        return nil
      }
      return script.error
    }

    private func absent(_ key: ObjectKey) -> StoreError {
      answersForbiddenForAbsent
        ? StoreError(.forbidden, "memory: no \(key), and no right to know it", status: 403)
        : StoreError(.notFound, "memory: no \(key)", status: 404)
    }
  }
}
