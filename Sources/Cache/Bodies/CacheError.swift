/// Why a cache cannot be opened. The text is for people and names the fix.
package enum CacheError: Error, Equatable {
  /// Another daemon uses it; 0 where its number cannot be read.
  case heldByProcess(pid: Int32)
  case unusable(String)
}

extension CacheError: CustomStringConvertible {
  package var description: String {
    switch self {
    case .heldByProcess(let pid):
      return
        "the cache of this source is in use by process \(pid): unmount it first, or give another --cache-dir"
    case .unusable(let reason): return reason
    }
  }
}
