import FileSystem
import Testing

@Suite struct JSONTextTests {
  @Test func writes() {
    let value = JSONText.object([
      ("a", .integer(-1)), ("b", .array([.null, .boolean(true), .number(0.5)])), ("c", .object([])),
      ("d\"\\", .string("x\n\u{1}é")),
    ])
    let expected = """
      {
        "a": -1,
        "b": [
          null,
          true,
          0.5
        ],
        "c": {},
        "d\\"\\\\": "x\\n\\u0001é"
      }

      """
    #expect(String(decoding: value.bytes, as: UTF8.self) == expected)
  }
}
