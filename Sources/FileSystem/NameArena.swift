/// Names one after the other. What is dropped is only counted; the owner makes a new arena when there is much of it.
struct NameArena {
  /// In pieces, so that growing moves nothing. No name crosses a piece.
  private static let pieceSize = 64 * 1024
  private var pieces: [[UInt8]] = []
  private var live = 0
  private var written = 0

  var footprint: Int { pieces.count * Self.pieceSize }
  var isWasteful: Bool { written - live > live + Self.pieceSize }

  /// Where it is.
  mutating func add(_ name: some Collection<UInt8>) -> UInt32 {
    if pieces.isEmpty || pieces[pieces.count - 1].count + name.count > Self.pieceSize {
      var piece: [UInt8] = []
      piece.reserveCapacity(Self.pieceSize)
      pieces.append(piece)
    }
    let position = (pieces.count - 1) * Self.pieceSize + pieces[pieces.count - 1].count
    pieces[pieces.count - 1].append(contentsOf: name)
    live += name.count
    written += name.count
    return UInt32(truncatingIfNeeded: position)
  }

  mutating func drop(_ length: Int) { live -= length }

  subscript(position: UInt32, length: Int) -> ArraySlice<UInt8> {
    let start = Int(position) % Self.pieceSize
    guard length > 0 else { return [] }
    return pieces[Int(position) / Self.pieceSize][start..<start + length]
  }
}
