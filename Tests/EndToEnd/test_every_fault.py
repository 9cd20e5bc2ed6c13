"""The cache's system calls fail, one by one and many at once: the cache is advisory, so every byte stays right.

Source and reading are the same for every number; what changes is the call that fails. The first mount is struck, from before
it opens its cache; the second one finds what is left and is not struck.
"""

import errno
import os
import random
import shutil
import struct

import pytest
from harness import failing, processes
from harness.failing import Failing
from harness.mount import Mount
from harness.telling import content, difference, seed

from conftest import tree

#: Bytes of one object of the scenario: nine are more than the cache, so that the reading evicts.
LARGE = 2_300_000
#: Of one inner chunk; four make a shard. Their indexes stay when they are evicted.
INNER = 300_000
DOCUMENT = b"""{"zarr_format":3,"node_type":"array","shape":[%d],"data_type":"uint8","fill_value":0,
"chunk_grid":{"name":"regular","configuration":{"chunk_shape":[%d]}},
"chunk_key_encoding":{"name":"default","configuration":{"separator":"/"}},
"codecs":[{"name":"sharding_indexed","configuration":{"chunk_shape":[%d],"codecs":[{"name":"bytes"}],
"index_codecs":[{"name":"bytes","configuration":{"endian":"little"}},{"name":"crc32c"}]}}]}"""


def shard_index():
    words = b"".join(struct.pack("<QQ", number * INNER, INNER) for number in range(4))
    value = 0xFFFFFFFF
    for byte in words:
        value ^= byte
        for _ in range(8):
            value = value >> 1 ^ (0x82F63B78 if value & 1 else 0)
    return words + struct.pack("<I", value ^ 0xFFFFFFFF)


class Scenario:
    """A folder as the remote, read through a mount whose cache fails as told."""

    def __init__(self, library, work):
        self.work, self.remote, self.cache = work, work / "remote", work / "cache"
        self.failing = Failing(library, self.cache, work / "control")
        self.versions = {}
        (self.remote / "array").mkdir(parents=True)
        self.put("array/.zarray", 400)
        for chunk in range(6):
            self.put(f"array/{chunk}", 70_000)
        (self.remote / "sharded/c").mkdir(parents=True)
        self.put("sharded/zarr.json", data=DOCUMENT % (3 * 4 * INNER, 4 * INNER, INNER))
        for shard in range(3):
            self.put(f"sharded/c/{shard}", 4 * INNER, after=shard_index())
        for number in range(9):
            self.put(f"large{number}", LARGE)

    def put(self, name, size=0, data=b"", after=b""):
        self.versions[name] = self.versions.get(name, 0) + 1
        part = self.work / "part"
        part.write_bytes(data or content(name, self.versions[name], size) + after)
        os.replace(part, self.remote / name)

    def mount(self, **options):
        options = {"ttl": "0s", "cache_size": "16MiB", "env": self.failing.env, **options}
        return Mount(f"file://{self.remote}", self.work / "mnt", self.cache, self.work, **options)

    def check(self, mount):
        """Everything reads as the remote has it, past the page cache."""
        # Who reads a shard has read its document.
        for name in sorted(self.versions, key=lambda name: (not name.endswith("json"), name)):
            with open(mount / name, "rb") as body:
                os.posix_fadvise(body.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
                expected = (self.remote / name).read_bytes()
                read = body.read()
            assert read == expected, f"{name}: {difference(read, expected)}"

    def run(self):
        """Cold scan, second reading, replaced objects, eviction; then a mount that is not struck. Where the cache cannot even be
        opened, the mount has to say so and to end."""
        mount = self.mount()
        try:
            mount.start()
        except AssertionError:
            said = processes.tail(mount.log)
            assert mount.process.returncode == 1 and "cache" in said, said
            assert self.failing.struck
        else:
            try:
                self.read_and_change(mount)
            except BaseException:
                mount.discard()
                raise
            mount.stop()
        struck, last = self.failing.struck, self.failing.last
        self.failing.disarm()
        with self.mount() as mount:
            self.check(mount)
            state, allocated = mount.stats()["cache.state"], mount.allocated()
            assert state == "working" and allocated <= 16 << 20, f"{state}, {allocated} bytes on the disk"
        return struck, last

    def read_and_change(self, mount):
        assert tree(mount.point) == tree(self.remote)
        self.check(mount)
        self.put("array/1", 70_000)
        self.put("array/2", 90_000)
        self.put("large3", LARGE)
        self.put("sharded/c/1", 4 * INNER, after=shard_index())
        self.check(mount)


@pytest.fixture(scope="session")
def library(session_folder):
    return failing.compiled(session_folder)


@pytest.fixture
def run(library, work):
    """run(kinds, **how): the scenario in a folder of its own; says what struck."""

    def run(**how):
        folder = work / "-".join(f"{name}{value}" for name, value in how.items())
        folder.mkdir()
        scenario = Scenario(library, folder)
        scenario.failing.arm(**how)
        try:
            return scenario.run()
        except (AssertionError, OSError) as error:
            struck = f"struck {scenario.failing.struck}, {scenario.failing.last} last"
            raise AssertionError(f"{how} ({struck}): {error}\n{processes.tail(scenario.work / 'mnt.log')}") from error
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    return run


@pytest.fixture
def calls(library, work):
    """calls(kinds): how many the scenario makes when none fails."""

    def count(kinds):
        folder = work / f"count{kinds}"
        folder.mkdir()
        scenario = Scenario(library, folder)
        scenario.failing.arm(kinds)
        with scenario.mount() as mount:
            scenario.read_and_change(mount)
        shutil.rmtree(folder)
        return scenario.failing.calls

    return count


#: Looking at files and folders fails less often than the rest, and is three quarters of all calls.
LOOKING = failing.STAT
ACTING = failing.ALL & ~LOOKING

#: (kinds, error, step): one call alone, every seventh from one on, all from one on.
PATTERNS = {
    "one EIO": (ACTING, errno.EIO, 0),
    "one ENOSPC": (failing.GROWING, errno.ENOSPC, 0),
    "one EIO of looking": (LOOKING, errno.EIO, 0),
    "every seventh EIO": (failing.ALL, errno.EIO, 7),
    "every third ENOSPC": (failing.GROWING, errno.ENOSPC, 3),
    "EIO from there on": (failing.ALL, errno.EIO, 1),
    "ENOSPC from there on": (failing.GROWING, errno.ENOSPC, 1),
    "no holes": (failing.PUNCH, errno.EOPNOTSUPP, 0),
    "no holes from there on": (failing.PUNCH, errno.EOPNOTSUPP, 1),
    "EROFS from there on": (failing.CHANGING, errno.EROFS, 1),
}


def numbers(count, wanted):
    """`wanted` of 1...count, evenly, from a place that the seed tells."""
    stride = max(1, count // wanted)
    return range(1 + random.Random(seed()).randrange(stride), count + 1, stride)


def strike(run, kinds, error, step, chosen):
    struck = [run(kinds=kinds, first=number, step=step, error=error)[0] for number in chosen]
    # The last numbers may lie behind the end of one run or another.
    assert sum(map(bool, struck)) >= len(struck) * 3 // 4, struck


@pytest.mark.parametrize("pattern", PATTERNS)
def test_some_calls_fail(pattern, run, calls):
    kinds, error, step = PATTERNS[pattern]
    count = calls(kinds)
    assert count > 3
    strike(run, kinds, error, step, numbers(count, 3))


@pytest.mark.stress
@pytest.mark.parametrize("part", range(4))
@pytest.mark.parametrize("pattern", PATTERNS)
def test_every_call_fails(pattern, part, run, calls):
    """Each number once; where all fail from there on, or looking fails, each fourth. In four parts, for several processes."""
    kinds, error, step = PATTERNS[pattern]
    count = calls(kinds)
    every = numbers(count, count if kinds != LOOKING and step == 0 else max(4, count // 4))
    strike(run, kinds, error, step, every[part::4])
