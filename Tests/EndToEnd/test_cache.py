"""The cache under kills, damage, full disks and small bounds."""

import os
import random
import shutil
import sqlite3
import subprocess
import threading

import pytest
from harness import processes
from harness.mount import PATIENCE, allocated

from conftest import tree

KILLS = 50


def check_index(cache):
    indexes = list(cache.rglob("index.sqlite"))
    assert indexes, "no index"
    for index in indexes:
        with sqlite3.connect(index) as connection:
            assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


def kill_loop(s3, bucket, make_mount, kills, seed):
    """SIGKILL at random moments of a cold scan; then a scan with every byte right, the index sound, the bound kept."""
    moments = random.Random(seed)
    size = 32 << 20
    for _ in range(kills):
        mount = make_mount(s3, cache_size=f"{size >> 20}MiB")
        mount.start()
        scan = subprocess.Popen(
            ["bash", "-c", "find . -type f -print0 | shuf -z | xargs -0 -n 20 -P 4 cat"],
            cwd=mount.point, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
        )
        threading.Event().wait(moments.uniform(0, 0.25))
        mount.kill9()
        mount.clear()
        mount.discard()
        scan.wait(PATIENCE)
        # Half of the time all that was cached is kept, half of the time the scan is cold again.
        if moments.random() < 0.3:
            shutil.rmtree(mount.cache, ignore_errors=True)
    with make_mount(s3, cache_size=f"{size >> 20}MiB") as mount:
        assert tree(mount.point) == tree(bucket)
        assert mount.allocated() <= size
    check_index(mount.cache)
    assert mount.allocated() <= size


def test_kill_9_in_the_middle_of_a_scan(s3, bucket, make_mount):
    kill_loop(s3, bucket, make_mount, KILLS, seed=1)


@pytest.mark.stress
@pytest.mark.parametrize("seed", range(2, 6))
def test_kill_9_many_times(seed, s3, bucket, make_mount):
    kill_loop(s3, bucket, make_mount, KILLS, seed)


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


@pytest.fixture
def small_disk(work):
    """A file system of 24 MiB, where we may mount one."""
    folder = work / "disk"
    folder.mkdir()
    made = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=24m,mode=700", "tmpfs", folder], capture_output=True, check=False)
    if made.returncode:
        pytest.skip("only root may mount a small disk")
    yield folder
    subprocess.run(["umount", "-l", folder], check=True)


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
