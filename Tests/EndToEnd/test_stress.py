"""Everything at once: readers, evictions, replaced objects, a remote that fails, kills. ZARRFS_STRESS_SECONDS of it (40), by a seed
that is printed. What holds is checked all the time: each byte is of one version that existed, the cache keeps its bound, memory
has one, and at the end nothing is under way."""

import contextlib
import dataclasses
import errno
import os
import random
import re
import sys
import threading
import time

import pytest
from harness import processes
from harness.memory import MemoryS3
from harness.mount import PATIENCE, allocated
from harness.proxy import Proxy
from harness.telling import content, seed, version_of

from test_cache import check_index

SECONDS = float(os.environ.get("ZARRFS_STRESS_SECONDS", 40))
BOUND = 24 << 20
#: Of which --memory is a quarter; the rest is the binary, its threads and libcurl. A debug binary has about 40 MiB of its own.
RESIDENT = 96 << 20
MEMORY = 32 << 20
SIZES = [0, 1, 700, 40_000, 300_000, 2_500_000, 9_000_000]
#: Nothing that a reader of these sees may take longer, but for kills: faults end, and --timeout is longer.
TIMEOUT = 30


@dataclasses.dataclass
class Findings:
    reads: int = 0
    bytes: int = 0
    replaced: int = 0
    stale: int = 0
    faults: int = 0
    kills: int = 0
    slowest: float = 0
    slowest_of: str = ""
    slowest_mount: float = 0
    resident: int = 0
    descriptors: int = 0
    allocated: int = 0
    evictions: int = 0
    failures: list = dataclasses.field(default_factory=list)


class Chaos:
    """The world, its actors (threads), and what they found."""

    def __init__(self, seed, put, proxy, mount):
        self.seed, self._put, self.proxy, self.mount = seed, put, proxy, mount
        self.findings, self.lock, self.over = Findings(), threading.Lock(), threading.Event()
        #: Odd while the mount is down.
        self.epoch = 0
        self.versions, self.sizes = {}, {}
        for index in range(36):
            self.put(f"object{index:02d}", random.Random(seed + index).choice(SIZES))

    def put(self, key, size=None):
        version = self.versions.get(key, 0) + 1
        if size is not None:
            self.sizes[key] = size
        # Known before it can be read.
        self.versions[key] = version
        self._put(key, content(key, version, self.sizes[key]))

    def note(self, **counts):
        with self.lock:
            for name, count in counts.items():
                setattr(self.findings, name, getattr(self.findings, name) + count)

    def failed(self, what):
        with self.lock:
            self.findings.failures.append(what)
        self.over.set()

    # --- actors

    def reader(self, number):
        chance = random.Random(self.seed * 1000 + number)
        while not self.over.is_set():
            epoch = self.epoch
            key = chance.choice(sorted(self.versions))
            begun = time.monotonic()
            try:
                self.read(key, chance)
            except AssertionError as error:
                self.failed(str(error))
            except OSError as error:
                if epoch % 2 or epoch != self.epoch:
                    self.over.wait(0.02)
                elif error.errno == errno.ESTALE:
                    # Replaced under the reader, and what was cached of the old one is gone.
                    self.note(stale=1)
                else:
                    self.failed(f"{key}: {error} after {time.monotonic() - begun:.1f} s")
            else:
                took = time.monotonic() - begun
                if epoch == self.epoch:
                    with self.lock:
                        if took > self.findings.slowest:
                            self.findings.slowest, self.findings.slowest_of = took, f"{key}, {self.sizes[key]} bytes"

    def read(self, key, chance):
        with open(self.mount / key, "rb", buffering=0) as body:
            if chance.random() < 0.5:
                os.posix_fadvise(body.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
            size = os.fstat(body.fileno()).st_size
            assert size == self.sizes[key], f"{key}: {size} bytes, not {self.sizes[key]}"
            seen = set()
            for _ in range(chance.choice([1, 1, 3])):
                offset = chance.choice([0, chance.randrange(size + 1)])
                wanted = chance.choice([size, 4096, 200_000])
                read = b""
                while len(read) < min(wanted, size - offset):
                    piece = os.pread(body.fileno(), min(wanted, size - offset) - len(read), offset + len(read))
                    assert piece, f"{key}: a READ of nothing at {offset + len(read)} of {size}"
                    read += piece
                version = version_of(key, read, offset)
                if version is not None:
                    seen.add(version)
                self.note(reads=1, bytes=len(read))
        assert len(seen) <= 1, f"{key}: versions {seen} through one open file"
        for version in seen:
            assert 1 <= version <= self.versions[key], f"{key}: version {version} never was"

    def lister(self):
        while not self.over.wait(0.3):
            epoch = self.epoch
            try:
                names = set(os.listdir(self.mount.point))
            except OSError as error:
                if epoch == self.epoch and not epoch % 2:
                    self.failed(f"listing: {error}")
                continue
            if epoch == self.epoch and not epoch % 2 and names != set(self.versions):
                self.failed(f"listing: {sorted(names ^ set(self.versions))}")

    def replacer(self):
        chance = random.Random(self.seed + 1)
        while not self.over.wait(chance.uniform(0.05, 0.5)):
            self.put(chance.choice(sorted(self.versions)))
            self.note(replaced=1)

    def breaker(self):
        chance = random.Random(self.seed + 2)
        while not self.over.wait(chance.uniform(0.2, 2)):
            action, settings = chance.choice(
                [
                    ("status", {"code": 503, "times": 4}),
                    ("status", {"code": 500, "times": 2}),
                    ("reset", {"times": 3}),
                    ("truncate", {"after": chance.randrange(100_000), "times": 3}),
                    ("delay", {"seconds": 1, "times": 5}),
                    ("stall_body", {"after": chance.randrange(100_000), "times": 1}),
                ]
            )
            self.proxy.fault(action, kind="GET|HEAD|LIST", **settings)
            self.note(faults=1)
            if self.over.wait(chance.uniform(0.2, 3)):
                break
            self.proxy.heal()
            self.proxy.forget()
        self.proxy.heal()

    def kill(self):
        """From the thread that lives to the end: a mount ends with the thread that started it."""
        with contextlib.suppress(Exception):
            self.note(evictions=self.mount.stats()["cache.evictions"])
        self.epoch += 1
        self.mount.kill9()
        self.mount.clear()
        self.mount.discard()
        begun = time.monotonic()
        self.mount.start()
        took = time.monotonic() - begun
        self.epoch += 1
        with self.lock:
            self.findings.kills += 1
            self.findings.slowest_mount = max(self.findings.slowest_mount, took)

    def watcher(self):
        while not self.over.wait(0.05):
            taken = allocated(self.mount.cache)
            resident, descriptors = usage(self.mount.process.pid)
            with self.lock:
                found = self.findings
                found.allocated = max(found.allocated, taken)
                found.resident = max(found.resident, resident)
                found.descriptors = max(found.descriptors, descriptors)
            if taken > BOUND:
                self.failed(f"{taken} bytes in the cache's directory, over {BOUND}")
            if resident > RESIDENT:
                self.failed(f"{resident} bytes of memory")

    def run(self, seconds):
        actors = [threading.Thread(target=self.reader, args=(number,), daemon=True) for number in range(6)]
        others = (self.lister, self.replacer, self.breaker, self.watcher)
        actors += [threading.Thread(target=actor, daemon=True) for actor in others]
        for actor in actors:
            actor.start()
        moments, end = random.Random(self.seed + 3), time.monotonic() + seconds
        while not self.over.wait(min(moments.uniform(2, 8), max(0, end - time.monotonic()))) and time.monotonic() < end:
            self.kill()
        self.over.set()
        self.proxy.heal()
        deadline = time.monotonic() + 2 * TIMEOUT + PATIENCE
        for actor in actors:
            actor.join(max(0, deadline - time.monotonic()))
        if any(actor.is_alive() for actor in actors):
            self.findings.failures.append(f"{sum(actor.is_alive() for actor in actors)} actors never ended")


def usage(pid):
    """Resident bytes and open descriptors; of a process that just ended, none."""
    try:
        with open(f"/proc/{pid}/status") as status:
            resident = re.search(r"VmRSS:\s+(\d+)", status.read())
        return int(resident[1]) * 1024 if resident else 0, len(os.listdir(f"/proc/{pid}/fd"))
    except OSError:
        return 0, 0


def chaos(make_mount, seconds, value):
    with MemoryS3() as server, Proxy(server.port) as proxy:
        mount = make_mount(
            proxy, ttl="1s", timeout=f"{TIMEOUT}s", cache_size=f"{BOUND >> 20}MiB", memory=f"{MEMORY >> 20}MiB"
        )
        world = Chaos(value, server.put, proxy, mount)
        mount.start()
        world.run(seconds)
        found = world.findings
        print(f"seed {value}: {found}", file=sys.stderr)
        assert not found.failures, f"seed {value}: {found.failures[:3]}\n{processes.tail(mount.log)}"
        assert found.reads > 0 and (found.kills > 0 or seconds < 20) and found.replaced > 0

        def idle():
            stats = mount.stats()
            return not any(stats[f"reads.{counter}"] for counter in ("open_fetches", "waiting_reads", "budget_in_use"))

        processes.wait_until(idle, PATIENCE, "no fetch under way")
        # What is there now, once --ttl has passed; until then what was replaced and is not cached is ESTALE.
        for key, version in world.versions.items():
            processes.wait_until(lambda: last_read(mount, key) in (version, None), PATIENCE, f"{key}'s last version")
        mount.stop()
        assert allocated(mount.cache) <= BOUND
        check_index(mount.cache)


def last_read(mount, key):
    """The version that is read now; 0 while it is that of a replaced object."""
    try:
        return version_of(key, (mount / key).read_bytes())
    except OSError as error:
        if error.errno != errno.ESTALE:
            raise
        return 0


def test_everything_at_once(make_mount):
    chaos(make_mount, min(SECONDS, 40), seed())


@pytest.mark.stress
def test_everything_at_once_for_long(make_mount):
    chaos(make_mount, SECONDS, seed("random"))
