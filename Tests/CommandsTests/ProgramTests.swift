import Testing

@testable import Commands

struct ProgramTests {
  @Test(arguments: [
    (["version"], "zarrfs \(Version.text)"), (["--version"], "zarrfs \(Version.text)"), (["help"], "usage:"),
    (["--help"], "usage:"), (["help", "mount"], "--cache-size SIZE"), (["mount", "--help"], "--cache-size SIZE"),
    (["stats", "-h"], "--json"), (["help", "umount"], "zarrfs unmount"),
  ])
  func succeeds(words: [String], saying text: String) throws {
    let result = try run(words)
    #expect(result.status == 0)
    #expect(result.output.contains(text))
  }

  @Test(arguments: [
    ([], "no command given"), (["mont"], "did you mean mount?"), (["mount"], "SOURCE is missing"),
    (["mount", "s3://b", "/tmp", "--tll", "1s"], "did you mean --ttl?"), (["help", "nothing"], "unknown command"),
    (["mount", "bucket", "/tmp"], "write s3://bucket"), (["mount", "s3://b", "/tmp", "--ttl", "x"], "--ttl is 'x'"),
    (["cache", "inof"], "did you mean info?"), (["cache", "info", "bucket"], "write s3://bucket"),
  ])
  func refusesWrongUse(words: [String], saying text: String) throws {
    let result = try run(words)
    #expect(result.status == 2)
    #expect(result.output.contains(text), "\(result.output)")
  }

  @Test(arguments: [
    (["mount", "s3://b", "/no/such/place"], "create it with mkdir -p /no/such/place"),
    (["mount", "s3://b", "/etc/passwd"], "is not a directory"), (["mount", "s3://b", "/etc"], "is not empty"),
    (["unmount", "/etc"], "/etc is not mounted"), (["unmount", "/proc"], "not of zarrfs"),
    (["stats", "/etc"], "not in a mount of zarrfs"), (["stats", "/no/such"], "cannot be found"),
    (["cache", "info", "s3://none", "--cache-dir", "/no/such"], "nothing of s3://none/"),
  ])
  func fails(words: [String], saying text: String) throws {
    let result = try run(words)
    #expect(result.status == 1)
    #expect(result.output.contains(text), "\(result.output)")
  }

  private func run(_ words: [String]) throws -> ChildProcess.Result { try ChildProcess.run([Binary.path] + words) }
}
