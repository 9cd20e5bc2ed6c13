import Cache
import ObjectStorage
import Objects
import Platform

/// Questions out, answers in.
extension Resolver {
  func ask(_ questions: [ResolvePlan.Question], _ inquiry: Inquiry) {
    counters.count(.questions, questions.count)
    for question in questions {
      switch question {
      case .head: head(inquiry.key, question, inquiry)
      case .slash: head(inquiry.directory.key.appending(inquiry.place.name, asDirectory: true), question, inquiry)
      case .document(let number):
        let inner = inquiry.directory.key.appending(inquiry.place.name, asDirectory: true)
        head(inner.appending(ResolvePlan.documents[number]), question, inquiry)
      case .below:
        let prefix = inquiry.directory.key.appending(inquiry.place.name, asDirectory: true)
        list(prefix, limit: 2, question, inquiry) { $0.isEmpty ? .nothing : .something }
      case .exact:
        let key = inquiry.key
        list(key, limit: 1, question, inquiry) { objects in
          objects.first { $0.key == key }.map { .version($0.version) } ?? .nothing
        }
      case .get(let storageClass): get(storageClass, question, inquiry, .demand)
      }
    }
  }

  private func head(_ key: ObjectKey, _ question: ResolvePlan.Question, _ inquiry: Inquiry) {
    let transfer = store.head(key, priority: .demand) { [self] result in
      switch result {
      case .success(let version): answered(inquiry, question, .version(version))
      case .failure(let error): answered(inquiry, question, error.kind == .notFound ? .nothing : .failed(error))
      }
    }
    keep(transfer, inquiry)
  }

  /// Pages without keys though more follows that are taken for one answer (S3 may send some, over deleted keys).
  private static let emptyPages = 100

  private func list(
    _ prefix: ObjectKey, limit: Int, after token: String? = nil, page number: Int = 0,
    _ question: ResolvePlan.Question, _ inquiry: Inquiry,
    _ read: @escaping @Sendable ([ListPage.Object]) -> ResolvePlan.Reply
  ) {
    let request = ListRequest(prefix: prefix, delimited: false, continuation: token, limit: limit)
    let transfer = store.list(request) { [self] result in
      noteListing(result)
      switch result {
      case .success(let page) where page.objects.isEmpty && page.continuation != nil:
        if number < Self.emptyPages {
          list(prefix, limit: limit, after: page.continuation, page: number + 1, question, inquiry, read)
        } else {
          let error = StoreError(.unavailable, "the listing of \(prefix) goes on and on without a key")
          answered(inquiry, question, .failed(error))
        }
      case .success(let page): answered(inquiry, question, read(page.objects))
      case .failure(let error): answered(inquiry, question, error.kind == .notFound ? .nothing : .failed(error))
      }
    }
    keep(transfer, inquiry)
  }

  /// The GET records the entry itself, when its head is in.
  func get(
    _ storageClass: StorageClass, _ question: ResolvePlan.Question, _ inquiry: Inquiry, _ priority: TransferPriority
  ) {
    let key = inquiry.key
    let shard = state.withLock { _ in inquiry.inner?.layout }
    _ = fetcher.open(
      key, range: shard?.indexRequest, priority: priority,
      register: { [index] version in
        let place = inquiry.place
        let entry = index.record(.file(version), for: place.name, in: place.directory, at: inquiry.asked)
        return ObjectReference(
          inode: entry.inode, key: key, version: version, class: storageClass, parts: shard.map { .shard($0) })
      },
      { [self] result in
        switch result {
        case .success(let object):
          if storageClass == .chunk || storageClass == .coordinate { forbidden.noteChunk() }
          answered(inquiry, question, .version(object.version))
          fetchInner(of: object, inquiry)
        case .failure(.notFound):
          oracle.noteAbsent(key)
          answered(inquiry, question, .nothing)
        case .failure where priority == .prefetch:
          if leave(inquiry) { get(storageClass, question, inquiry, .demand) }
        case .failure(.forbidden(let error)), .failure(.unavailable(let error)):
          answered(inquiry, question, .failed(error))
        case .failure(.changed), .failure(.interrupted):
          answered(inquiry, question, .failed(StoreError(.unavailable, "\(key) changed while it was opened")))
        }
      })
  }

  private func keep(_ transfer: any Transfer, _ inquiry: Inquiry) {
    let isOver = state.withLock { _ in
      if !inquiry.isOver { inquiry.transfers.append(transfer) }
      return inquiry.isOver
    }
    if isOver { transfer.cancel() }
  }

  private func answered(_ inquiry: Inquiry, _ question: ResolvePlan.Question, _ reply: ResolvePlan.Reply) {
    let now = time.monotonic()
    let step = state.withLock { state -> ResolvePlan.Step in
      if question.isOfObject, reply.isOfObject { state.listing.answered(at: now) }
      if inquiry.isOver { return .wait }
      let step = inquiry.plan.answer(question, reply)
      if case .done = step { inquiry.isOver = true }
      return step
    }
    switch step {
    case .wait: break
    case .ask(let questions): ask(questions, inquiry)
    case .done(.known(.absent)) where isNamed(inquiry) && !inquiry.plan.canList: learned(.directory, inquiry)
    case .done(.known(let kind)): learned(kind, inquiry)
    case .done(.unknown(let error)):
      if let doubt = doubt(error, inquiry) { return judge(doubt, error, inquiry) }
      failed(FetchFailure(error), inquiry)
    }
  }

  func learned(_ kind: Entry.Kind, _ inquiry: Inquiry) {
    // Recorded before the inquiry is gone: who comes in between joins it or finds the record.
    let entry = index.record(kind, for: inquiry.place.name, in: inquiry.place.directory, at: inquiry.asked)
    let waiters = finish(inquiry) { state in state.health.answered() }
    let freshness = Freshness(timeToLive: configuration.timeToLive, now: time.now())
    let valid = freshness.remaining(validated: inquiry.asked) ?? .zero
    for waiter in waiters {
      if kind == .absent {
        counters.count(.negativeAnswers)
        waiter(.absent(valid: valid))
      } else {
        waiter(.found(entry, valid: valid))
      }
    }
  }

  func failed(_ failure: FetchFailure, _ inquiry: Inquiry) {
    // A refusal is an answer: who may not read is not served from what was read before.
    let isRefusal = if case .forbidden = failure { true } else { false }
    let stale = configuration.servesStaleOnError && !isRefusal ? inquiry.fallback : nil
    let directory = stale == nil ? directory(inquiry) : nil
    let now = time.monotonic()
    let waiters = finish(inquiry) { state in
      if isRefusal { state.health.answered() } else { state.health.failed(at: now) }
      guard stale == nil, directory == nil else { return }
      if state.failures.count >= 1024 { state.failures.removeAll() }
      state.failures[inquiry.place] = (now, failure)
    }
    if let stale { return serveStale(stale, to: waiters) }
    if let directory {
      for waiter in waiters { waiter(.found(directory, valid: Self.staleValidity)) }
      return
    }
    for waiter in waiters { waiter(.unknown(failure)) }
  }

  /// What may be given while the remote cannot be asked: what was known, or of that at least the directories.
  func servable(_ inquiry: Inquiry) -> Entry? {
    configuration.servesStaleOnError || inquiry.fallback?.kind == .directory ? inquiry.fallback : nil
  }

  private func finish(_ inquiry: Inquiry, _ body: (inout State) -> Void) -> [PendingAnswer<Resolution>] {
    let (waiters, transfers) = state.withLock { state in
      state.inquiries[inquiry.place] = nil
      body(&state)
      let left = (inquiry.waiters, inquiry.transfers)
      inquiry.waiters = []
      inquiry.transfers = []
      return left
    }
    for transfer in transfers { transfer.cancel() }
    return waiters
  }

  // MARK: Stale

  /// Where the remote is slow, who waits for a revalidation gets what is known after a while; the questions go on.
  func schedulePatience(_ waiter: PendingAnswer<Resolution>, _ stale: Entry?, _ now: MonotonicTime) {
    guard let stale else { return }
    deadlines.schedule(at: now + configuration.patience) { [weak self] in
      guard let self, !waiter.isOver else { return }
      noteHealth(isUp: false)
      serveStale(stale, to: [waiter])
    }
  }

  func serveStale(_ entry: Entry, to waiters: [PendingAnswer<Resolution>]) {
    counters.count(.staleServed, waiters.count)
    noteStale()
    for waiter in waiters {
      if entry.kind == .absent {
        counters.count(.negativeAnswers)
        waiter(.absent(valid: Self.staleValidity))
      } else {
        waiter(.found(entry, valid: Self.staleValidity))
      }
    }
  }

  /// A stale answer is good for a moment, so that one program's many lookups of a path are not each counted and probed.
  static var staleValidity: Interval { .seconds(1) }

  func noteStale() {
    let now = time.monotonic()
    if state.withLock({ $0.health.mayLog(at: now) }) {
      log.warning(
        "the remote does not answer: serving what is known, although stale",
        [("stale_served", "\(counters[.staleServed])")])
    }
  }

  /// What listings learn about the remote counts too.
  func noteHealth(isUp: Bool) {
    let now = time.monotonic()
    state.withLock { if isUp { $0.health.answered() } else { $0.health.failed(at: now) } }
  }

  var servesStaleAtOnce: Bool {
    configuration.servesStaleOnError && state.withLock { $0.health.servesAtOnce }
  }
}
