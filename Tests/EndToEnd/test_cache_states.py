"""The cache's disk fails under a running mount, and gets well: reads go on, the state shows, the log says it once, and caching
resumes by itself, in the index on disk too."""

import errno
import os
import shutil
import sqlite3

import pytest
from harness import failing, processes
from harness.failing import Failing
from harness.mount import PATIENCE, Mount, allocated

SIZE = 300_000


def content(number):
    return (b"%07d " % number) * (SIZE // 8)


@pytest.fixture(scope="module")
def library(session_folder):
    return failing.compiled(session_folder)


@pytest.fixture
def remote(work):
    folder = work / "remote"
    folder.mkdir()
    for number in range(60):
        (folder / f"object{number:02d}").write_bytes(content(number))
    return folder


class World:
    def __init__(self, work, remote, cache, env=None):
        self.work, self.remote, self.cache = work, remote, cache
        self.env = env
        self.next = 0
        self.mount = self.mounted().start()

    def mounted(self, **options):
        options = {"ttl": "1h", "cache_size": "64MiB", "env": self.env, **options}
        return Mount(f"file://{self.remote}", self.work / "mnt", self.cache, self.work, **options)

    def read(self, number):
        """Reads past the page cache; whether it came from the cache alone."""
        before = self.mount.stats()
        with open(self.mount / f"object{number:02d}", "rb") as body:
            os.posix_fadvise(body.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
            assert body.read() == content(number)
        after = self.mount.stats()
        return after["reads.misses"] == before["reads.misses"]

    def read_new(self, count=1):
        for _ in range(count):
            self.read(self.next)
            self.next += 1

    def state(self):
        return self.mount.stats()["cache.state"]

    def log_lines(self):
        return [line for line in processes.tail(self.mount.log, 10_000).splitlines() if "ache" in line]

    def resumes(self):
        """New objects are cached again, and found again by the next mount, without the remote."""

        def cached():
            number = self.next
            self.next = (self.next + 1) % 60
            self.read(number)
            return self.read(number) and self.state() == "working" and number

        number = processes.wait_until(cached, PATIENCE, f"caching again ({self.state()})", step=0.5)
        indexed = processes.wait_until(lambda: self.committed(number), PATIENCE, "the commit", step=0.2)
        assert indexed
        self.mount.stop()
        hidden = self.remote.with_name("hidden")
        self.remote.rename(hidden)
        self.remote.mkdir()
        with self.mounted(offline=True) as mount:
            assert (mount / f"object{number:02d}").read_bytes() == content(number)

    def committed(self, number):
        """Whether the index on disk knows the object's body."""
        for index in self.cache.rglob("index.sqlite"):
            with sqlite3.connect(f"file:{index}?mode=ro", uri=True, timeout=10) as connection:
                query = "SELECT count(*) FROM entry JOIN body USING (inode) WHERE name = CAST(? AS BLOB)"
                if connection.execute(query, (f"object{number:02d}",)).fetchone()[0]:
                    return True
        return False


@pytest.fixture
def failing_disk(library, work):
    return Failing(library, work / "cache", work / "control")


STATES = {
    "full": (failing.GROWING & ~failing.NAME, errno.ENOSPC),
    "read-only": (failing.CHANGING, errno.EROFS),
    "forbidden": (failing.OPEN | failing.NAME, errno.EACCES),
    "broken": (failing.ALL & ~failing.STAT, errno.EIO),
    "unsynced": (failing.SYNC, errno.EIO),
}


@pytest.mark.parametrize("name", STATES)
def test_a_disk_that_fails_and_gets_well(name, work, remote, failing_disk):
    kinds, error = STATES[name]
    world = World(work, remote, work / "cache", failing_disk.env)
    try:
        world.read_new(3)
        assert world.read(0)
        processes.wait_until(lambda: world.committed(2), PATIENCE, "the commit", step=0.2)
        said = len(world.log_lines())
        failing_disk.arm(kinds, first=1, step=1, error=error)
        world.read_new(8)
        for number in range(3):
            world.read(number)
        processes.wait_until(lambda: failing_disk.struck >= 3, PATIENCE, "failures")

        def shown():
            world.read((world.next + 7) % 60)
            world.next = (world.next + 1) % 60
            return world.state() != "working"

        processes.wait_until(shown, PATIENCE, "the state", step=0.2)
        world.read_new(5)
        lines = world.log_lines()[said:]
        print("\n".join(lines))
        assert 1 <= len(lines) <= 6, "\n".join(lines)
        failing_disk.disarm()
        world.resumes()
    finally:
        world.mount.discard()
