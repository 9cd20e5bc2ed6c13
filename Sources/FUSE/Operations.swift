import CFUSE
import FileSystem
import Glibc
import Objects

/// The table of callbacks for libfuse. What is left out is answered ENOSYS by libfuse, and the kernel remembers that:
/// FLUSH (no message at close), ACCESS (`default_permissions` decides), STATX, LSEEK, POLL, COPY_FILE_RANGE, locks.
///
/// Closures without context, in a library: in `main.swift` they would be bound to the main actor and trap
/// (style.md 4.1).
enum Operations {
  static func table() -> fuse_lowlevel_ops {
    var table = fuse_lowlevel_ops()
    table.`init` = { userdata, connection in
      Unmanaged<Dispatcher>.fromOpaque(userdata!).takeUnretainedValue().initialise(connection!)
    }
    addNames(&table)
    addFiles(&table)
    addDirectories(&table)
    addRefusals(&table)
    return table
  }

  private static func addNames(_ table: inout fuse_lowlevel_ops) {
    table.lookup = { request, parent, name in
      let name = EntryName(bytes: Array(UnsafeRawBufferPointer(start: name!, count: strlen(name!))))
      Dispatcher.of(request!).lookup(request!, InodeNumber(parent), name)
    }
    table.forget = { request, inode, count in
      Dispatcher.of(request!).fileSystem.forget(InodeNumber(inode), count: count)
      fuse_reply_none(request)
    }
    table.forget_multi = { request, count, forgets in
      let fileSystem = Dispatcher.of(request!).fileSystem
      for forget in UnsafeBufferPointer(start: forgets, count: count) {
        fileSystem.forget(InodeNumber(forget.ino), count: forget.nlookup)
      }
      fuse_reply_none(request)
    }
    table.getattr = { request, inode, _ in Dispatcher.of(request!).attributes(request!, InodeNumber(inode)) }
    table.statfs = { request, _ in Dispatcher.of(request!).statistics(request!) }
    table.getxattr = { request, inode, name, size in
      Dispatcher.of(request!).extendedAttribute(request!, size: size) { fileSystem in
        let name = Array(UnsafeRawBufferPointer(start: name!, count: strlen(name!)))
        return fileSystem.extendedAttribute(name, of: InodeNumber(inode))
      }
    }
    table.listxattr = { request, inode, size in
      Dispatcher.of(request!).extendedAttribute(request!, size: size) { fileSystem in
        fileSystem.extendedAttributeNames(of: InodeNumber(inode)).map { names in names.flatMap { $0 + [0] } }
      }
    }
  }

  private static func addFiles(_ table: inout fuse_lowlevel_ops) {
    table.open = { request, inode, information in
      Dispatcher.of(request!).open(request!, InodeNumber(inode), information!.pointee)
    }
    table.read = { request, inode, count, offset, _ in
      Dispatcher.of(request!).read(request!, InodeNumber(inode), count: count, at: Int64(offset))
    }
    // Python before 3.14 sends TCGETS at every open, and the kernel remembers no answer.
    table.ioctl = { request, _, _, _, _, _, _, _, _ in fuse_reply_err(request, ENOTTY) }
  }

  private static func addDirectories(_ table: inout fuse_lowlevel_ops) {
    table.opendir = { request, inode, information in
      Dispatcher.of(request!).openDirectory(request!, InodeNumber(inode), information!.pointee)
    }
    table.readdir = { request, _, count, offset, information in
      Dispatcher.of(request!).readDirectory(
        request!, information!.pointee.fh, count: count, after: Int64(offset), plus: false)
    }
    table.readdirplus = { request, _, count, offset, information in
      Dispatcher.of(request!).readDirectory(
        request!, information!.pointee.fh, count: count, after: Int64(offset), plus: true)
    }
    table.releasedir = { request, _, information in
      Dispatcher.of(request!).fileSystem.releaseDirectory(DirectoryHandle(packed: information!.pointee.fh))
      fuse_reply_err(request, 0)
    }
  }

  /// The mount is read-only, so these come only after `mount -o remount,rw`.
  private static func addRefusals(_ table: inout fuse_lowlevel_ops) {
    table.setattr = { request, _, _, _, _ in fuse_reply_err(request, EROFS) }
    table.mknod = { request, _, _, _, _ in fuse_reply_err(request, EROFS) }
    table.mkdir = { request, _, _, _ in fuse_reply_err(request, EROFS) }
    table.unlink = { request, _, _ in fuse_reply_err(request, EROFS) }
    table.rmdir = { request, _, _ in fuse_reply_err(request, EROFS) }
    table.symlink = { request, _, _, _ in fuse_reply_err(request, EROFS) }
    table.rename = { request, _, _, _, _, _ in fuse_reply_err(request, EROFS) }
    table.link = { request, _, _, _ in fuse_reply_err(request, EROFS) }
    table.create = { request, _, _, _, _ in fuse_reply_err(request, EROFS) }
    table.write = { request, _, _, _, _, _ in fuse_reply_err(request, EROFS) }
    table.fallocate = { request, _, _, _, _, _ in fuse_reply_err(request, EROFS) }
    table.setxattr = { request, _, _, _, _, _ in fuse_reply_err(request, EROFS) }
    table.removexattr = { request, _, _ in fuse_reply_err(request, EROFS) }
  }
}
