import Glibc
import Platform

@testable import Commands

/// The built program, run for real.
enum Binary {
  struct Result {
    var status: CInt
    var output: String
  }

  /// Beside the test bundle.
  static var path: String {
    let bundle = CommandLine.arguments.first { $0.hasSuffix(".xctest") } ?? CommandLine.arguments[0]
    return bundle.split(separator: "/").dropLast().map { "/\($0)" }.joined() + "/zarrfs"
  }

  /// Runs it to its end; `output` is standard output and standard error. No AWS variables reach it.
  static func run(_ words: String...) throws -> Result {
    let cleared = ["-u", "AWS_PROFILE", "-u", "AWS_ENDPOINT_URL", "-u", "AWS_ACCESS_KEY_ID", "-u", "AWS_CA_BUNDLE"]
    let result = try ChildProcess.run(["/usr/bin/env"] + cleared + [path] + words)
    return Result(status: result.status, output: result.output)
  }

  static var canMount: Bool { access("/dev/fuse", R_OK | W_OK) == 0 }
}
