/// Why there is no mount: one sentence for the user that names the fix.
package struct MountError: Error, CustomStringConvertible, Sendable {
  package var description: String

  package init(_ description: String) { self.description = description }
}
