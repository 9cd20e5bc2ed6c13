import Objects
import Platform
import Zarr

/// `zarrfs warm PATH`: reads chunks through a mount, so that its daemon caches them.
enum WarmCommand {
  static func run(_ parsed: ParsedArguments) throws {
    var slices: [SliceSelection] = []
    for text in parsed.values["select"] ?? [] {
      do throws(SliceSelection.Failure) { slices.append(try SliceSelection(parsing: text)) } catch {
        throw UsageError("--select is '\(text)'; write it as DIM=START:STOP, DIM=START:STOP:STEP or DIM=INDEX")
      }
    }
    let jobs = try parsed.number("jobs", in: 1...256) ?? 16
    let place = try MountedPath(parsed.positionals[0])
    let control = try place.control()
    guard place.isDirectory else {
      throw CommandFailure("\(place.path) is a file: name the directory of an array or a group")
    }
    let reader = try FolderReader(place)
    let nodes = TreeWalk(reader: reader, jobs: jobs).run()
    var failures = nodes.compactMap { node -> String? in
      if case .unreadable(let reason) = node.kind { return reason }
      return nil
    }
    let arrays = try arrays(nodes, slices, failures: &failures)
    guard !arrays.isEmpty || !failures.isEmpty else {
      throw CommandFailure("there is no Zarr array at or below \(place.path)")
    }

    let plan = WarmPlan(arrays, reader, control: control, canList: FolderReader.isListed(control), jobs: jobs)
    announce(plan, arrays, inDetail: parsed.has("dry-run"))
    if !parsed.has("dry-run") {
      failures += documents(nodes, reader, jobs: jobs)
      let progress = read(WarmReading(plan, arrays, reader, control: control), jobs: jobs)
      failures += progress.failures
      let hidden = progress.failed - Int64(progress.failures.count)
      if hidden > 0 { failures.append("and \(hidden) more") }
      conclude(progress)
    }
    guard failures.isEmpty else {
      for failure in failures { Console.report("\(Log.printable(failure))\n") }
      throw CommandFailure("not everything could be read: run it again to go on")
    }
  }

  /// A slice of a dimension that an array of a group has not leaves that array whole; but some array must have it.
  private static func arrays(
    _ nodes: [TreeNode], _ slices: [SliceSelection], failures: inout [String]
  ) throws -> [WarmArray] {
    let found = nodes.compactMap { node in node.array.map { (path: node.path, metadata: $0) } }
    let isAlone = nodes.count == 1
    if !isAlone, !found.isEmpty {
      for slice in slices where !found.contains(where: { slice.axis(in: $0.metadata) != nil }) {
        throw CommandFailure("no array has a dimension \(slice.dimension): zarrfs tree shows what there is")
      }
    }
    var arrays: [WarmArray] = []
    for (path, metadata) in found {
      do throws(CommandFailure) {
        arrays.append(try WarmArray(metadata, at: path, slices, ignoringUnknown: !isAlone))
      } catch {
        if isAlone { throw error }
        failures.append(error.description)
      }
    }
    return arrays
  }

  private static func announce(_ plan: WarmPlan, _ arrays: [WarmArray], inDetail: Bool) {
    var estimate: Int64? = 0
    for (array, extent) in zip(arrays, plan.extents) {
      let bytes = array.chunkBytes.map { $0.multipliedSaturating(by: array.count) }
      if let sum = estimate, let bytes {
        estimate = sum.addingReportingOverflow(bytes).overflow ? nil : sum + bytes
      } else {
        estimate = nil
      }
      guard inDetail, arrays.count > 1 else { continue }
      Console.print("\(Log.printable("\(array.path)")) \(WarmPlan.text(extent, estimate: bytes))\n")
    }
    Console.print("\(Count.text(Int64(arrays.count), "array")): \(WarmPlan.text(plan.total, estimate: estimate))\n")
  }

  /// Metadata documents of every node are wanted too, consolidated or not. What failed.
  private static func documents(_ nodes: [TreeNode], _ reader: FolderReader, jobs: Int) -> [String] {
    Parallel.map(nodes, jobs: jobs) { node -> [String] in
      let documents: [MetadataDocument]
      switch node.kind {
      case .array(let array): documents = array.format == .v3 ? [.nodeV3] : [.arrayV2, .attributesV2]
      case .group(let format): documents = format == .v3 ? [.nodeV3] : [.groupV2, .attributesV2]
      case .directory, .unreadable: documents = []
      }
      return documents.compactMap { document in
        if case .failed(let reason) = reader.document(document, of: node.path) { return reason }
        return nil
      }
    }.flatMap { $0 }
  }

  private static func read(_ reading: WarmReading, jobs: Int) -> WarmProgress {
    let isWatched = Console.isWatched
    var shown = 0
    let progress = reading.run(jobs: jobs, every: isWatched ? .milliseconds(200) : .seconds(5)) { progress, elapsed in
      if progress.chunks == 0 { return }
      guard isWatched else { return Console.report("\(progress.line(after: elapsed))\n") }
      let line = progress.line(after: elapsed, bar: 24)
      Console.report("\r\(line)\(String(repeating: " ", count: max(shown - line.count, 0)))")
      shown = line.count
    }
    if isWatched, shown > 0 { Console.report("\n") }
    return progress
  }

  private static func conclude(_ progress: WarmProgress) {
    var text = Count.text(progress.done - progress.absent - progress.skipped - progress.failed, "chunk") + " read"
    text += ", \(ByteCount.text(progress.read))"
    if progress.skipped > 0 { text += "; \(progress.skipped) were cached" }
    if progress.absent > 0 { text += "; \(progress.absent) do not exist" }
    if progress.failed > 0 { text += "; \(progress.failed) failed" }
    Console.print(text + "\n")
  }
}
