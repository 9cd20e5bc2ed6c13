"""The cache's system calls fail, one by one and many at once: the cache is advisory, so every byte stays right.

Source and reading are the same for every number; what changes is the call that fails. The first mount is struck, from before
it opens its cache; the second one finds what is left and is not struck.
"""

import errno
import os
import subprocess
from pathlib import Path

import pytest
from harness import failing, processes
from harness.failing import Failing
from harness.mount import Mount

from conftest import tree

#: Bytes of one object of the scenario: nine are more than the cache, so that the reading evicts.
LARGE = 2_300_000


def content(name, version, size):
    """Bytes that tell which object and version they are of, in every line of 32."""
    return b"".join(b"%-12.12s %6d %11d\n" % (name.encode(), version, line) for line in range(size // 32 + 1))[:size]


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
        for number in range(9):
            self.put(f"large{number}", LARGE)

    def put(self, name, size):
        self.versions[name] = self.versions.get(name, 0) + 1
        part = self.work / "part"
        part.write_bytes(content(name, self.versions[name], size))
        os.replace(part, self.remote / name)

    def mount(self, **options):
        options = {"ttl": "0s", "cache_size": "16MiB", "env": self.failing.env, **options}
        return Mount(f"file://{self.remote}", self.work / "mnt", self.cache, self.work, **options)

    def check(self, mount):
        """Everything reads as the remote has it, past the page cache."""
        for name in sorted(self.versions):
            with open(mount / name, "rb") as body:
                os.posix_fadvise(body.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
                expected = (self.remote / name).read_bytes()
                read = body.read()
            assert read == expected, f"{name}: {_difference(read, expected)}"

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
            with_faults = self._read_and_change
            try:
                with_faults(mount)
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

    def _read_and_change(self, mount):
        assert tree(mount.point) == tree(self.remote)
        self.check(mount)
        self.put("array/1", 70_000)
        self.put("array/2", 90_000)
        self.put("large3", LARGE)
        self.check(mount)


def _difference(read, expected):
    if len(read) != len(expected):
        return f"{len(read)} bytes of {len(expected)}"
    place = next(i for i, (a, b) in enumerate(zip(read, expected)) if a != b)
    return f"at {place}: {read[place - place % 32:][:64]!r}, not {expected[place - place % 32:][:64]!r}"


@pytest.fixture(scope="session")
def library(session_folder):
    return failing.compiled(session_folder)


def calls(library, work):
    """How many calls of each kind the scenario makes when nothing fails."""
    work.mkdir()
    scenario = Scenario(library, work)
    scenario.failing.arm()
    mount = scenario.mount()
    with mount:
        scenario._read_and_change(mount)
    return scenario.failing.calls


def strike(library, work, name, **how):
    folder = work / name
    folder.mkdir()
    scenario = Scenario(library, folder)
    scenario.failing.arm(**how)
    try:
        return scenario.run()
    except (AssertionError, OSError) as error:
        struck, last = scenario.failing.struck, scenario.failing.last
        raise AssertionError(f"{name} (struck {struck}, last {last}): {error}") from error
    finally:
        subprocess.run(["rm", "-rf", folder], check=False)


ERRORS = {"EIO": errno.EIO, "ENOSPC": errno.ENOSPC}
