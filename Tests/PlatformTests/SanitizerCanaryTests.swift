import Glibc
import Platform
import Testing

/// Two real faults, run only when asked for: under the sanitizer that looks for it each must fail, which proves that the
/// sanitizer is on. `scripts/sanitize` runs them.
@Suite struct SanitizerCanaryTests {
  static let wanted = getenv("SANITIZER_CANARY").map { String(cString: $0) }

  /// Two threads write one word, without a lock, while both run: a data race.
  @Test(.enabled(if: wanted == "thread")) func unlockedWord() {
    nonisolated(unsafe) let word = UnsafeMutablePointer<Int>.allocate(capacity: 1)
    word.initialize(to: 0)
    var threads: [pthread_t] = []
    for _ in 0..<2 {
      var thread = pthread_t()
      let body: @convention(c) (UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? = { argument in
        guard let word = argument?.assumingMemoryBound(to: Int.self) else { return nil }
        for _ in 0..<10_000 { word.pointee += 1 }
        return nil
      }
      #expect(pthread_create(&thread, nil, body, word) == 0)
      threads.append(thread)
    }
    for thread in threads { pthread_join(thread, nil) }
    #expect(word.pointee > 0)
    word.deallocate()
  }

  /// A word is read after it was freed.
  @Test(.enabled(if: wanted == "address")) func freedWord() {
    let word = UnsafeMutablePointer<Int>.allocate(capacity: 64)
    word.initialize(repeating: 7, count: 64)
    word.deallocate()
    let read = word[32]
    #expect(read != Int.min)
  }
}
