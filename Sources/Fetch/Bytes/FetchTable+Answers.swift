/// What the table answers to its events.
extension FetchTable {
  package enum Admission: Equatable {
    /// A part of the object ended: look into the cache again.
    case again
    /// It failed a moment ago.
    case failed(FetchFailure)
    case admitted(Admitted)
  }

  package struct Admitted: Equatable {
    /// All that is missing has arrived in running parts: read from them now. Else the waiter is parked.
    package var isReady: Bool
    /// New parts, for the waiter or beside it.
    package var start: [Part]
    /// Where the missing bytes come from.
    package var sources: [PartID]
    /// Parts that were prefetches until now.
    package var promote: [PartID]
  }

  package enum End: Equatable {
    case complete
    case failed(FetchFailure)
    /// Cancelled, or its bytes could not be kept: who still waits must ask again.
    case abandoned
  }

  /// All of these left the table.
  package struct Consequences: Equatable {
    package var ready: [WaiterID] = []
    package var failed: [WaiterID] = []
    package var again: [WaiterID] = []
    /// Parts whose transfers shall be cancelled (these stay until their end).
    package var cancel: [PartID] = []

    package init(
      ready: [WaiterID] = [], failed: [WaiterID] = [], again: [WaiterID] = [], cancel: [PartID] = []
    ) {
      self.ready = ready
      self.failed = failed
      self.again = again
      self.cancel = cancel
    }
  }
}
