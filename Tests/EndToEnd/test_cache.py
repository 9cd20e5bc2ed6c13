"""The cache under kills, damage, full disks and small bounds."""

import errno
import os
import random
import shutil
import sqlite3
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from harness import processes
from harness.memory import MemoryS3
from harness.mount import PATIENCE, allocated
from harness.telling import content, seed, version_of

from conftest import tree

def check_index(cache):
    indexes = list(cache.rglob("index.sqlite"))
    assert indexes, "no index"
    for index in indexes:
        with sqlite3.connect(index) as connection:
            assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


class KillLoop:
    """SIGKILL at random moments of scans, evictions and revalidations; then every byte is right, the index is sound and the bound
    is kept. The objects are replaced as the loop goes on, and tell their version."""

    SIZE = 24 << 20

    def __init__(self, make_mount, value):
        self.chance = random.Random(value)
        self.server = MemoryS3()
        self.versions = {}
        self.sizes = {f"group{index % 3}/object{index:02d}": [900, 70_000, 400_000, 3_000_000][index % 4] for index in range(40)}
        for key in self.sizes:
            self.put(key)
        self.make = lambda **options: make_mount(self.server, cache_size=f"{self.SIZE >> 20}MiB", **options)
        self.remounts = []

    def put(self, key):
        self.versions[key] = self.versions.get(key, 0) + 1
        self.server.put(key, content(key, self.versions[key], self.sizes[key]))

    def read(self, mount, key):
        body = (mount / key).read_bytes()
        assert len(body) == self.sizes[key], key
        version = version_of(key, body)
        assert version <= self.versions[key], f"{key}: version {version} never was"
        return version

    def readers(self, mount, keys):
        """Four at a time, until the mount is killed under them."""

        def read(key):
            try:
                self.read(mount, key)
            except OSError as error:
                # Replaced under the reader, or killed.
                assert error.errno == errno.ESTALE or killed.is_set(), f"{key}: {error}, under a mount that lives"

        killed = threading.Event()
        pool = ThreadPoolExecutor(4)
        return killed, pool, [pool.submit(read, key) for key in keys]

    def kill_once(self):
        """One of: a cold or warm scan in order; random objects, more than fit; a second scan of which all is to be revalidated."""
        what = self.chance.choice(["scan", "evict", "revalidate"])
        mount = self.make(ttl="0s" if what == "revalidate" else "1h")
        begun = time.monotonic()
        mount.start()
        self.remounts.append(time.monotonic() - begun)
        keys = sorted(self.sizes)
        if what != "scan":
            keys = self.chance.choices(keys, k=80)
        killed, pool, reads = self.readers(mount, keys)
        for _ in range(3):
            self.put(self.chance.choice(keys))
        threading.Event().wait(self.chance.uniform(0, 0.4))
        killed.set()
        mount.kill9()
        mount.clear()
        mount.discard()
        pool.shutdown(cancel_futures=True)
        for read in reads:
            if not read.cancelled():
                read.result(PATIENCE)
        assert allocated(mount.cache) <= self.SIZE
        if self.chance.random() < 0.1:
            shutil.rmtree(mount.cache, ignore_errors=True)

    def run(self, kills):
        with self.server:
            for _ in range(kills):
                self.kill_once()
            begun = time.monotonic()
            with self.make(ttl="0s") as mount:
                self.remounts.append(time.monotonic() - begun)
                for _ in range(2):
                    assert {key: self.read(mount, key) for key in self.versions} == self.versions
                    assert mount.allocated() <= self.SIZE
            check_index(mount.cache)
            assert allocated(mount.cache) <= self.SIZE
        self.remounts.sort()
        middle, slowest = self.remounts[len(self.remounts) // 2], self.remounts[-1]
        print(f"{kills} kills; mounted again in {middle:.3f} s (median), {slowest:.3f} s (slowest)", file=sys.stderr)


def test_kill_9_at_any_moment(make_mount):
    KillLoop(make_mount, seed()).run(30)


@pytest.mark.stress
def test_kill_9_many_times(make_mount):
    KillLoop(make_mount, seed("random")).run(300)


def bodies(cache):
    """Cached bodies of a megabyte and more."""
    return [p for p in cache.rglob("*") if p.is_file() and "sqlite" not in p.name and p.stat().st_blocks * 512 >= 1 << 20]


def test_damage_after_an_unclean_stop_is_found(s3, bucket, make_mount):
    """Power was lost and a block holds what nobody wrote: its CRC tells, and it is fetched again."""
    mount = make_mount(s3, ttl="1h")
    mount.start()
    expected = (mount / "raw/big.bin").read_bytes()
    threading.Event().wait(3)
    mount.kill9()
    mount.clear()
    mount.discard()
    damaged = bodies(mount.cache)
    assert damaged, "nothing was cached"
    for path in damaged:
        with open(path, "r+b") as body:
            for place in range(0, path.stat().st_size, 1 << 20):
                body.seek(place)
                body.write(b"damaged!" * 16)
    with make_mount(s3, ttl="1h") as mount:
        assert (mount / "raw/big.bin").read_bytes() == expected


def test_a_full_disk_costs_speed_only(s3, bucket, make_mount, small_disk, source_tree):
    with make_mount(s3, cache=small_disk / "cache", cache_size="1GiB") as mount:
        for _ in range(2):
            assert tree(mount.point) == source_tree
        # Somebody else takes the rest.
        with open(small_disk / "other", "wb") as other:
            try:
                while True:
                    other.write(b"\0" * (1 << 20))
            except OSError:
                pass
        assert tree(mount.point) == source_tree
    with make_mount(s3, cache=small_disk / "cache", cache_size="1GiB") as mount:
        assert tree(mount.point) == source_tree


def test_free_space_is_kept(s3, bucket, make_mount, small_disk, source_tree):
    floor = 12 << 20
    least = []
    with make_mount(s3, cache=small_disk / "cache", cache_size="1GiB", cache_min_free="12MiB") as mount:
        for name in sorted(source_tree):
            (mount / name).read_bytes()
            disk = os.statvfs(small_disk)
            least.append(disk.f_bavail * disk.f_frsize)
    assert min(least) >= floor - (1 << 20)


def test_a_cache_directory_that_vanishes(s3, bucket, make_mount, source_tree):
    with make_mount(s3) as mount:
        assert (mount / "raw/big.bin").read_bytes() == (bucket / "raw/big.bin").read_bytes()
        shutil.rmtree(mount.cache, ignore_errors=True)
        assert tree(mount.point) == source_tree


def test_what_is_too_large_passes_through(s3, bucket, make_mount):
    with make_mount(s3, max_object_size="1MiB") as mount:
        assert (mount / "raw/big.bin").read_bytes() == (bucket / "raw/big.bin").read_bytes()
        threading.Event().wait(0.5)
        assert allocated(mount.cache) < 8 << 20


def test_eviction_keeps_what_is_read_again(proxy, new_bucket, make_mount):
    """A sweep over more than the cache holds does not flush metadata: a re-run asks for no document again."""
    name, put = new_bucket
    put("array/.zarray", b'{"zarr_format":2,"shape":[80],"chunks":[1],"dtype":"|u1","compressor":null,"fill_value":0,"order":"C","filters":null}')
    for index in range(40):
        put(f"array/{index}", os.urandom(1 << 20))
    with make_mount(proxy, source=f"s3://{name}", ttl="1h", cache_size="16MiB") as mount:
        (mount / "array/.zarray").read_bytes()
        for index in range(40):
            (mount / f"array/{index}").read_bytes()
        proxy.forget()
        subprocess.run("sync; echo 3 > /proc/sys/vm/drop_caches", shell=True, stderr=subprocess.DEVNULL, check=False)
        (mount / "array/.zarray").read_bytes()
        assert proxy.count("GET", r"array/\.zarray") == 0
        assert mount.allocated() <= 16 << 20


def test_a_large_old_cache_mounts_at_once(make_mount, s3):
    """Mounting never scans the cache: strangers in it are swept later, in the background, and harm nothing."""
    with make_mount(s3) as mount:
        (mount / "v2_raw.zarr/0.0.0").read_bytes()
    index = next(mount.cache.rglob("index.sqlite"))
    stranger = index.parent / "stranger"
    stranger.mkdir()
    for number in range(100):
        (stranger / f"{number}").write_bytes(b"x")
    with make_mount(s3) as mount:
        assert (mount / "v2_raw.zarr/0.0.0").read_bytes()


def test_two_sources_share_one_cache_directory(s3, bucket, make_mount):
    with make_mount(s3, source="s3://bucket/v2_dot.zarr") as one, make_mount(s3, source="s3://bucket/v3.zarr") as other:
        assert tree(one.point) == tree(bucket / "v2_dot.zarr")
        assert tree(other.point) == tree(bucket / "v3.zarr")


def test_the_cache_directory_is_private(s3, make_mount):
    with make_mount(s3) as mount:
        assert mount.cache.stat().st_mode & 0o077 == 0
    processes.wait_until(lambda: not mount.mounted, PATIENCE, "the unmount")
