import CFUSE
import Glibc
import Testing

@testable import FUSE

/// getfattr(1) is not everywhere; ls(1) asks as well, and Glibc's module has no getxattr. So through python, if there.
@Suite(.enabled(if: KernelMount.isPossible && access("/usr/bin/python3", X_OK) == 0), .serialized)
struct ExtendedAttributeTests {
  private func exitStatus(_ mount: KernelMount, _ script: String) -> CInt {
    let pid = mount.spawn("/usr/bin/python3", "-c", script, mount.path + "/small")
    var status: CInt = 0
    waitpid(pid, &status, 0)
    return status
  }

  @Test func areAnsweredWhenAskedFor() throws {
    let mount = try KernelMount(MountTests.tree()) { $0.extendedAttributes = true }
    defer { mount.end() }
    let script = """
      import os, sys, errno
      path = sys.argv[1]
      assert os.getxattr(path, "user.zarrfs.etag") == b'"abc"'
      assert os.listxattr(path) == ["user.zarrfs.etag", "user.zarrfs.key"]
      try: os.getxattr(path, "user.other"); sys.exit(1)
      except OSError as error: sys.exit(0 if error.errno == errno.ENODATA else 2)
      """
    #expect(exitStatus(mount, script) == 0)
  }

  @Test func areUnknownOtherwise() throws {
    let mount = try KernelMount(MountTests.tree())
    defer { mount.end() }
    let script = """
      import os, sys, errno
      try: os.getxattr(sys.argv[1], "user.zarrfs.etag"); sys.exit(1)
      except OSError as error: sys.exit(0 if error.errno == errno.ENOTSUP else 2)
      """
    #expect(exitStatus(mount, script) == 0)
  }
}
