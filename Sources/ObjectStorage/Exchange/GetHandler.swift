import Objects
import Platform

/// Passes an object's bytes on, and never one more than its head promised.
final class GetHandler: ResponseHandler, @unchecked Sendable {
  private let request: GetRequest
  private let place: Place
  private let receiver: any GetReceiver
  // Transfer thread only.
  private var left: Int64?
  private var problem: StoreError?

  init(_ request: GetRequest, at place: Place, to receiver: any GetReceiver) {
    self.request = request
    self.place = place
    self.receiver = receiver
  }

  func accept(_ head: HTTPResponseHead) -> Bool {
    do throws(StoreError) {
      let head = try ObjectResponse.head(of: head, for: request, at: place)
      left = Int64(head.range.count)
      receiver.begin(head)
      return true
    } catch {
      problem = error
      return false
    }
  }

  func body(_ bytes: UnsafeRawBufferPointer) -> Bool {
    guard let left else { return false }
    let taken = min(left, Int64(bytes.count))
    if taken > 0 { receiver.append(UnsafeRawBufferPointer(rebasing: bytes[..<Int(taken)])) }
    self.left = left - taken
    if taken < bytes.count {
      problem = place.error(.garbled, "the response is longer than its range")
      return false
    }
    return true
  }

  /// The end of a successful response: nil, or what was wrong with it.
  var failure: StoreError? {
    if let problem { return problem }
    if left != 0 { return place.error(.unavailable, "the body ended \(left ?? 0) bytes early") }
    return nil
  }
}
