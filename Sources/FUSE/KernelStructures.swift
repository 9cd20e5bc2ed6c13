import CFUSE
import FileSystem
import Glibc
import Objects
import Platform

extension stat {
  /// `st_blksize` is 4096, because Python takes it for its read buffer: larger values make it read too much of a shard
  /// (readers.md 2). Directories have one link, as on btrfs: two would tell find(1) that there are no subdirectories.
  init(_ attributes: Attributes) {
    self.init()
    st_ino = UInt(attributes.inode.rawValue)
    st_mode = (attributes.isDirectory ? S_IFDIR : S_IFREG) | mode_t(attributes.permissions & 0o7777)
    st_nlink = 1
    st_uid = attributes.owner
    st_gid = attributes.group
    st_size = Int(attributes.size)
    st_blksize = 4096
    st_blocks = (Int(attributes.size) + 511) / 512
    let seconds = attributes.modified / 1000 - (attributes.modified % 1000 < 0 ? 1 : 0)
    let time = timespec(tv_sec: Int(seconds), tv_nsec: Int(attributes.modified - seconds * 1000) * 1_000_000)
    st_mtim = time
    st_ctim = time
    st_atim = time
  }
}

extension fuse_entry_param {
  init(_ attributes: Attributes, entryValid: Interval, attributesValid: Interval) {
    self.init()
    ino = attributes.inode.rawValue
    attr = stat(attributes)
    entry_timeout = entryValid.seconds
    attr_timeout = attributesValid.seconds
  }
}

extension DirectoryHandle {
  /// As it travels in `fuse_file_info.fh`.
  var packed: UInt64 { rawValue << 1 | (mayKeepCache ? 1 : 0) }

  init(packed: UInt64) { self.init(rawValue: packed >> 1, mayKeepCache: packed & 1 == 1) }
}
