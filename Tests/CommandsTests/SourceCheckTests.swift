import ObjectStorage
import Testing

@testable import Commands

struct SourceCheckTests {
  private func judge(_ error: StoreError, cached: Bool, stale: Bool = true) -> SourceCheck.Verdict {
    SourceCheck(isOffline: false, servesStale: stale, hasCachedContent: cached, isStopping: { false }).judge(error)
  }

  /// A remount works while the server is away; a wrong set-up is told, whatever is cached.
  @Test func aServerThatIsAwayIsNoReasonWhenThereIsACache() {
    let away = StoreError(.unavailable, "refused")
    #expect(judge(away, cached: false) == .failed("refused"))
    #expect(judge(away, cached: true, stale: false) == .failed("refused"))
    #expect(judge(away, cached: true).isUsable)
    #expect(judge(StoreError(.misconfigured, "unknown host"), cached: true).isUsable)
    #expect(judge(StoreError(.unavailable, "busy", status: 503), cached: true).isUsable)
    #expect(judge(StoreError(.misconfigured, "no bucket", status: 404), cached: true) == .failed("no bucket"))
    #expect(judge(StoreError(.forbidden, "denied", status: 403), cached: true) == .failed("denied"))
  }
}

extension SourceCheck.Verdict {
  fileprivate var isUsable: Bool {
    if case .usable = self { return true }
    return false
  }
}
