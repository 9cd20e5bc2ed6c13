import Testing
import Zarr

@Suite struct JSONParserTests {
  func parse(_ text: String) throws -> JSONValue { try JSONParser.parse(Array(text.utf8)) }

  @Test func `reads what the grammar allows`() throws {
    let value = try parse(
      #" {"a": [1, -2.5e3, true, false, null], "b": {"c": "x\u00e9\ud83d\ude00\n\"\\\/"}, "": ""} "#)
    #expect(value["a"] == .array([.number("1"), .number("-2.5e3"), .bool(true), .bool(false), .null]))
    #expect(value["b"]?["c"]?.string == "xé😀\n\"\\/")
    #expect(value[""]?.string == "")
    #expect(try parse("[]") == .array([]))
    #expect(try parse("{}") == .object([]))
    #expect(try parse("0") == .number("0"))
  }

  @Test func `numbers keep their text`() throws {
    let huge = "1" + String(repeating: "0", count: 400)
    #expect(try parse(huge) == .number(huge))
    #expect(try parse(huge).integer == nil)
    #expect(try parse("9223372036854775807").integer == .max)
    #expect(try parse("9223372036854775808").integer == nil)
    #expect(try parse("12.0").integer == 12)
    #expect(try parse("12.5").integer == nil)
    #expect(try parse("1e400").integer == nil)
    #expect(try parse("[1,2,3]").integers == [1, 2, 3])
    #expect(try parse("[1,\"2\"]").integers == nil)
  }

  @Test func `tolerates what Python writes`() throws {
    #expect(try parse("[NaN, Infinity, -Infinity]").text == "[NaN,Infinity,-Infinity]")
    #expect(try parse(#"{"a":1,"a":2}"#)["a"]?.integer == 2)
    #expect(try JSONParser.parse([0xEF, 0xBB, 0xBF] + Array("1".utf8)) == .number("1"))
    #expect(try parse(#""\ud800""#).string == "\u{FFFD}")
    #expect(try parse(#""\ud800\u0041""#).string == "\u{FFFD}A")
    #expect(try JSONParser.parse([0x22, 0xFF, 0x22]).string == "\u{FFFD}")
    #expect(try parse("\"a\u{1}b\"").string == "a\u{1}b")
  }

  @Test(arguments: [
    "", " ", "{", "[", "[1", "[1,", "[1,]", "{\"a\"", "{\"a\":", "{\"a\":1", "{\"a\":1,}", "{a:1}", "\"", "\"\\",
    "\"\\x\"",
    "\"\\u12", "\"\\u12g4\"", "tru", "nul", "+1", "-", "--1", ".5", "1 2", "[1]]", "Na", "-Inf", "\u{0}",
  ])
  func `refuses what is not JSON`(text: String) {
    #expect(throws: MetadataError.self) { try parse(text) }
  }

  @Test func `every truncation is refused`() throws {
    let text = Array(#"{"zarr_format": 3, "a": [1.5, {"b": "\u00e9\\"}], "c": [true, null, -Infinity]}"#.utf8)
    for end in 0..<text.count {
      #expect(throws: MetadataError.self) { try JSONParser.parse(Array(text[..<end])) }
    }
    _ = try JSONParser.parse(text)
  }

  @Test func `limits hold`() throws {
    let deep = [UInt8](repeating: UInt8(ascii: "["), count: 1_000_000)
    #expect(throws: MetadataError.tooDeep) { try JSONParser.parse(deep) }
    let objects = Array(String(repeating: #"{"a":"#, count: 100_000).utf8)
    #expect(throws: MetadataError.tooDeep) { try JSONParser.parse(objects) }
    var limits = JSONParser.Limits()
    limits.depth = 3
    #expect(try JSONParser.parse(Array("[[1]]".utf8), limits: limits) == .array([.array([.number("1")])]))
    #expect(throws: MetadataError.tooDeep) { try JSONParser.parse(Array("[[[1]]]".utf8), limits: limits) }
    limits.values = 3
    #expect(throws: MetadataError.tooLarge) { try JSONParser.parse(Array("[1,2,3]".utf8), limits: limits) }
    limits.size = 2
    #expect(throws: MetadataError.tooLarge) { try JSONParser.parse(Array("[1]".utf8), limits: limits) }
  }

  @Test func `text is JSON again`() throws {
    let text = #"{"a":[1,"x\"\\\u0001",null],"b":{}}"#
    #expect(try parse(text).text == text)
    #expect(try parse(#""NaN""#).text == "NaN")
  }
}
