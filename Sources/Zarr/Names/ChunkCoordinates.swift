/// The place of a chunk in its grid, one number for each dimension, slowest first.
package struct ChunkCoordinates: Hashable, Sendable {
  package var values: [Int64]

  package init(_ values: [Int64]) { self.values = values }

  package var rank: Int { values.count }

  package subscript(axis: Int) -> Int64 {
    get { values[axis] }
    set { values[axis] = newValue }
  }
}

extension ChunkCoordinates: ExpressibleByArrayLiteral, CustomStringConvertible {
  package init(arrayLiteral elements: Int64...) { values = elements }
  package var description: String { "(" + values.map { String($0) }.joined(separator: ",") + ")" }
}
