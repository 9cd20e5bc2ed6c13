import Testing

@testable import Commands

struct JSONRowsTests {
  @Test func flattens() throws {
    let rows = try #require(
      JSONRows.flattened(
        #" {"a": 1, "b": {"c": "x\"\u00e9\ud83d\ude00\n", "d": [true, null, -2.5e3]}, "e": {}, "f": []} "#))
    #expect(rows.map(\.name) == ["a", "b.c", "b.d.0", "b.d.1", "b.d.2"])
    #expect(rows.map(\.value) == ["1", "x\"é😀\n", "true", "null", "-2.5e3"])
    #expect(rows.map(\.isNumber) == [true, false, false, false, true])
  }

  @Test(arguments: [
    "", "{", "{\"a\"}", "[1,]", "{\"a\":1}}", "nul", "\"open", "{\"a\":1,}", "\"\\ud800x\"", "\"\\u12\"", "1 2",
    String(repeating: "[", count: 100),
  ])
  func refuses(text: String) { #expect(JSONRows.flattened(text) == nil) }

  @Test func tablesHideControlCharacters() {
    let table = StatsCommand.table([
      .init(name: "key", value: "a\u{1B}[31m", isNumber: false),
      .init(name: "cached_bytes", value: "2048", isNumber: true),
      .init(name: "reads.hits", value: "2048", isNumber: true),
    ])
    #expect(table == "key           a\\u{1b}[31m\ncached_bytes  2048 (2 KiB)\nreads.hits    2048\n")
  }
}
