import Platform
import Testing

@testable import Commands

struct QuantityTests {
  @Test(
    arguments: [
      ("0", 0), ("4096", 4096), ("1K", 1024), ("1KiB", 1024), ("1kb", 1000), ("512MiB", 512 << 20),
      ("10GB", 10_000_000_000),
      ("10 GiB", 10 << 30), ("1.5GiB", 3 << 29), ("0.5k", 512), ("2T", 2 << 40), ("1PB", 1_000_000_000_000_000),
      ("7B", 7),
    ] as [(String, Int64)])
  func readsSizes(text: String, bytes: Int64) { #expect(ByteCount.parse(text) == bytes) }

  @Test(arguments: ["", "K", "-1", "1XB", "1..5K", ".5K", "5.", "1e3", "0x10", "9999999999P", "1 2K", "∞", "1KK", "+1"])
  func refusesSizes(text: String) { #expect(ByteCount.parse(text) == nil) }

  @Test(
    arguments: [
      (0, "0 B"), (1023, "1023 B"), (1024, "1 KiB"), (1536, "1.5 KiB"), (10 << 30, "10 GiB"), (1 << 62, "4096 PiB"),
    ] as [(Int64, String)])
  func writesSizes(bytes: Int64, text: String) { #expect(ByteCount.text(bytes) == text) }

  @Test(
    arguments: [
      ("0", 0), ("30s", 30_000), ("30", 30_000), ("5m", 300_000), ("1h", 3_600_000), ("2d", 172_800_000),
      ("250ms", 250),
      ("1.5h", 5_400_000), ("0.5s", 500),
    ] as [(String, Int64)])
  func readsDurations(text: String, milliseconds: Int64) {
    #expect(DurationText.parse(text) == .milliseconds(milliseconds))
  }

  @Test(arguments: ["infinite", "INFINITE", "never", "100000d"])
  func readsInfinity(text: String) { #expect(DurationText.parse(text) == .infinite) }

  @Test(arguments: ["", "s", "-1s", "5x", "1s2", "1m30s", "99999999999999h"])
  func refusesDurations(text: String) { #expect(DurationText.parse(text) == nil) }
}
