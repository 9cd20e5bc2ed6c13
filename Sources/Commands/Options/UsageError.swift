/// The command line is wrong: exit code 2. The text says what, and what to write.
package struct UsageError: Error, CustomStringConvertible, Sendable {
  package var description: String

  package init(_ description: String) { self.description = description }
}

/// The command line is right and the work failed: exit code 1. The text says what failed, where, and what to do.
package struct CommandFailure: Error, CustomStringConvertible, Sendable {
  package var description: String

  package init(_ description: String) { self.description = description }
}
