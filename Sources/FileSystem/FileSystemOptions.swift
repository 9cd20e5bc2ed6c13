package import Platform

/// What `stat` shows and how long the kernel may believe it.
package struct FileSystemOptions: Sendable {
  /// `--uid`, `--gid`: who owns everything.
  package var owner: UInt32
  package var group: UInt32
  /// `--umask`: bits taken off 0444 and 0555.
  package var umask: UInt16
  /// The kernel asks again after at most so long, so that the cache hears of what is hot (`design.md` section 4).
  package var entryCap: Interval
  /// Directories open at once; one more is ENFILE.
  package var maximumDirectories: Int

  package init(
    owner: UInt32 = 0, group: UInt32 = 0, umask: UInt16 = 0o022, entryCap: Interval = .seconds(300),
    maximumDirectories: Int = 65_536
  ) {
    self.owner = owner
    self.group = group
    self.umask = umask
    self.entryCap = entryCap
    self.maximumDirectories = maximumDirectories
  }
}
