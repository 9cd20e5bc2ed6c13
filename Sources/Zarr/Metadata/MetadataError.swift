/// Why a metadata document cannot be used. The node is then treated as plain files; readers see the document's own bytes.
package enum MetadataError: Error, Equatable, Sendable {
  /// Over 64 MiB, or more values than the parser keeps.
  case tooLarge
  case tooDeep
  /// Not JSON.
  case syntax(offset: Int)
  /// `zarr_format` is missing or neither 2 nor 3, or not the one of the document's name.
  case unknownFormat
  /// A member that is missing, of the wrong type, or contradicts another.
  case invalid(member: String)
}

extension MetadataError: CustomStringConvertible {
  package var description: String {
    switch self {
    case .tooLarge: "the document is too large"
    case .tooDeep: "the document is nested too deeply"
    case .syntax(let offset): "not JSON, at byte \(offset)"
    case .unknownFormat: "zarr_format is not known"
    case .invalid(let member): "\(member) is missing or invalid"
    }
  }
}
