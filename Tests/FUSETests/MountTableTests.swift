import Testing

@testable import FUSE

struct MountTableTests {
  private let table = MountTable(
    parsing: """
      22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/root rw
      30 22 0:40 / /mnt/a\\040b ro,nosuid shared:5 master:2 - fuse.zarrfs s3://bucket/with\\134 ro,user_id=0
      31 22 0:41 / /mnt/plain rw - tmpfs tmpfs rw
      32 31 0:42 / /mnt/plain rw - fuse.zarrfs over rw
      broken line
      """)

  @Test func parses() {
    #expect(table.mounts.count == 4)
    #expect(
      table.mount(at: "/mnt/a b")
        == .init(device: "0:40", mountpoint: "/mnt/a b", type: "fuse.zarrfs", source: "s3://bucket/with\\"))
  }

  @Test func theLastMountCoversOthers() {
    #expect(table.mount(at: "/mnt/plain")?.source == "over")
    #expect(table.mount(at: "/mnt") == nil)
  }

  @Test func findsTheMountOfAPath() {
    #expect(table.mount(holding: "/mnt/plain/x/y")?.device == "0:42")
    #expect(table.mount(holding: "/mnt/plainer")?.device == "8:1")
    #expect(table.mount(holding: "/mnt/a b")?.device == "0:40")
  }
}
