import Objects

extension S3Store {
  @discardableResult
  package func check(_ completion: @escaping @Sendable (Result<StoreCheck, StoreError>) -> Void) -> any Transfer {
    list(ListRequest(prefix: .root)) { result in
      switch result {
      case .success(let page):
        let isEmpty = page.objects.isEmpty && page.prefixes.isEmpty && page.continuation == nil
        completion(.success(isEmpty ? .empty : .ready(page)))
      // Listing may be forbidden where reading is not. Unknown keys and expired sessions are `misconfigured`.
      case .failure(let error) where error.refusesListing:
        completion(.success(.listingDenied(error)))
      case .failure(var error):
        // A listing is asked of the bucket: "not found" is the bucket.
        if error.kind == .notFound { error.kind = .misconfigured }
        completion(.failure(error))
      }
    }
  }
}
