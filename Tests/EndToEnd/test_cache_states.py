"""The cache's disk fails under a running mount, and gets well: reads go on, the state shows, the log says it once, and caching
resumes by itself, in the index on disk too."""

import contextlib
import errno
import os
import shutil
import sqlite3
import subprocess
import threading

import pytest
from harness import failing, processes
from harness import mount as mounting
from harness.failing import Failing
from harness.mount import PATIENCE, Mount

SIZE = 300_000
OBJECTS = 60


def content(number):
    return (b"%07d " % number) * (SIZE // 8)


@pytest.fixture(scope="module")
def library(session_folder):
    return failing.compiled(session_folder)


@pytest.fixture
def remote(work):
    folder = work / "remote"
    folder.mkdir()
    for number in range(OBJECTS):
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
            self.next = (self.next + 1) % OBJECTS

    def state(self):
        return self.mount.stats()["cache.state"]

    def log_lines(self):
        return [line for line in processes.tail(self.mount.log, 10_000).splitlines() if "ache" in line]

    def resumes(self):
        """What was not cached is cached again, and found by the next mount, without the remote."""
        fresh = [number for number in range(OBJECTS) if not self.committed(number)] or list(range(OBJECTS))

        def kept():
            # One after another: what is read while the cache rests goes through memory.
            fresh.append(fresh.pop(0))
            self.read(fresh[-1])
            return self.state() == "working" and [number for number in fresh if self.committed(number)]

        number = processes.wait_until(kept, PATIENCE, f"caching again ({self.state()})", step=0.5)[0]
        self.mount.stop()
        with self.without_remote(), self.mounted(offline=True) as mount:
            assert (mount / f"object{number:02d}").read_bytes() == content(number)

    @contextlib.contextmanager
    def without_remote(self):
        hidden = self.remote.with_name("hidden")
        self.remote.rename(hidden)
        self.remote.mkdir()
        try:
            yield
        finally:
            self.remote.rmdir()
            hidden.rename(self.remote)

    def committed(self, number):
        """Whether the index on disk knows bytes of the object; not where there is no sound index."""
        query = "SELECT count(*) FROM entry JOIN segment USING (inode) WHERE name = CAST(? AS BLOB)"
        for index in self.cache.rglob("index.sqlite"):
            try:
                with contextlib.closing(sqlite3.connect(f"file:{index}?mode=ro", uri=True, timeout=10)) as connection:
                    if connection.execute(query, (f"object{number:02d}",)).fetchone()[0]:
                        return True
            except sqlite3.Error:
                pass
        return False


@pytest.fixture
def failing_disk(library, work):
    return Failing(library, work / "cache", work / "control")


@pytest.fixture
def world(request, work, remote, failing_disk):
    disk = request.getfixturevalue("small_disk") if "small_disk" in request.fixturenames else work
    world = World(work, remote, disk / "cache", failing_disk.env)
    yield world
    world.mount.discard()


STATES = {
    "full": (failing.GROWING & ~failing.NAME, errno.ENOSPC),
    "read-only": (failing.CHANGING, errno.EROFS),
    "forbidden": (failing.OPEN | failing.NAME, errno.EACCES),
    "broken": (failing.ALL & ~failing.STAT, errno.EIO),
}


def trouble(world, said):
    """Reads until the state shows, and on over some commits; what the log said of it since line `said`."""

    def shown():
        world.read_new()
        return world.state() != "working"

    processes.wait_until(shown, PATIENCE, "the state", step=0.2)
    for _ in range(12):
        world.read_new()
        threading.Event().wait(0.25)
    lines = world.log_lines()[said:]
    assert 1 <= len(lines) <= 4, "\n".join(lines)


@pytest.mark.parametrize("name", STATES)
def test_a_disk_that_fails_and_gets_well(name, world, failing_disk):
    kinds, error = STATES[name]
    world.read_new(3)
    assert world.read(0)
    processes.wait_until(lambda: world.committed(2), PATIENCE, "the commit", step=0.2)
    said = len(world.log_lines())
    failing_disk.arm(kinds, first=1, step=1, error=error)
    trouble(world, said)
    if name in ("full", "read-only"):
        # It takes no more, and still gives what it has.
        with world.without_remote():
            for number in range(3):
                world.read(number)
    failing_disk.disarm()
    world.resumes()


def test_a_full_disk_that_gets_room_again(world, small_disk):
    world.read_new(3)
    with open(small_disk / "other", "wb") as other, pytest.raises(OSError):
        while True:
            other.write(b"\0" * (1 << 20))
            other.flush()
    world.read_new(30)
    for number in range(3):
        world.read(number)
    (small_disk / "other").unlink()
    world.resumes()


def test_a_directory_that_is_deleted(world):
    world.read_new(3)
    shutil.rmtree(world.cache)
    world.read_new(5)
    world.resumes()


def test_an_index_that_is_overwritten(world):
    world.read_new(3)
    processes.wait_until(lambda: world.committed(2), PATIENCE, "the commit", step=0.2)
    index = next(world.cache.rglob("index.sqlite"))
    for path in (index, index.with_name("index.sqlite-wal")):
        with open(path, "r+b") as file:
            file.write(os.urandom(max(path.stat().st_size, 4096)))
    world.read_new(20)
    for number in range(3):
        world.read(number)
    world.resumes()


def test_a_bit_that_flips_at_rest_is_found_by_verify(world):
    """It is told, with exit code 1; the block is dropped and fetched again, and a second look finds nothing."""
    world.read_new(3)
    world.mount.stop()
    command = [mounting.ZARRFS, "cache", "verify", "--cache-dir", world.cache]
    assert b" 0 damaged" in processes.run(command, env=world.mount.env).stdout
    damaged = max((path for path in world.cache.rglob("*") if "sqlite" not in path.name and path.is_file()), key=lambda p: p.stat().st_size)
    with open(damaged, "r+b") as body:
        body.seek(100_000)
        byte = body.read(1)[0]
        body.seek(100_000)
        body.write(bytes([byte ^ 16]))
    found = processes.run(command, env=world.mount.env, check=False)
    assert found.returncode == 1
    assert b" 1 damaged" in found.stdout and b"fetched again" in found.stderr
    assert b" 0 damaged" in processes.run(command, env=world.mount.env).stdout
    world.mount = world.mounted().start()
    hits = [world.read(number) for number in range(3)]
    assert sorted(hits) == [False, True, True]
