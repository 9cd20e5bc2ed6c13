/// The system's randomness, as a value that has a size.
///
/// `SystemRandomNumberGenerator` has none, and so no address: `inout` access to it is instrumented all the same, with
/// whatever the register holds. For `RetryPolicy.decision` that was the timeout, the same number on every thread, and
/// the thread sanitizer reported a race at address 120 s.
struct SystemGenerator: RandomNumberGenerator {
  private var drawn: UInt64 = 0

  mutating func next() -> UInt64 {
    drawn = UInt64.random(in: .min ... .max)
    return drawn
  }
}
