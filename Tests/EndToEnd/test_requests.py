"""What reaches the server, counted there."""

import functools
import json
import os
import random
import struct
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from harness import processes
from harness.listing import SyntheticS3
from harness.mount import PATIENCE
from harness.nginx import Nginx
from harness.proxy import Proxy

CHUNK = "v2_raw.zarr/0.0.0"


@pytest.fixture
def make_mount(make_mount):
    """No GET is made twice for speed: the counts are exact on the slowest machine."""
    return functools.partial(make_mount, hedge="off")


def test_one_get_per_chunk_whatever_the_readers(proxy, bucket, make_mount):
    """64 threads and 8 processes, all before the first byte has come."""
    with make_mount(proxy) as mount:
        held = proxy.fault("hold", kind="GET", key=CHUNK)
        others = [subprocess.Popen(["cat", mount / CHUNK], stdout=subprocess.PIPE) for _ in range(8)]
        with ThreadPoolExecutor(64) as pool:
            reads = [pool.submit((mount / CHUNK).read_bytes) for _ in range(64)]
            processes.wait_until(lambda: held.hits, PATIENCE, "a GET at the server")
            held.release()
            bodies = [read.result(PATIENCE) for read in reads]
        bodies += [other.communicate(timeout=PATIENCE)[0] for other in others]
    expected = (bucket / CHUNK).read_bytes()
    assert all(body == expected for body in bodies)
    assert proxy.count("GET", CHUNK) == 1


def test_a_store_in_the_root_is_found_without_a_request(proxy, make_mount):
    """The page that the check at mount brought names the directories."""
    with make_mount(proxy) as mount:
        proxy.forget()
        assert (mount / "v2_raw.zarr").is_dir()
        assert proxy.requests() == []


def test_debug_logs_each_request(proxy, make_mount):
    with make_mount(proxy, log_level="debug") as mount:
        (mount / CHUNK).read_bytes()
        (mount / CHUNK).read_bytes()
        gets = [line for line in mount.log.read_text().splitlines() if f"request method=GET key={CHUNK} " in line]
        assert len(gets) == proxy.count("GET", CHUNK) == 1
        assert f"bytes={(mount / CHUNK).stat().st_size}" in gets[0]


def test_nothing_is_asked_the_second_time(proxy, bucket, make_mount, read_stores):
    with make_mount(proxy, ttl="1h") as mount:
        first = read_stores("zarr", [mount / "v2_dot.zarr"])
        proxy.forget()
        assert read_stores("zarr", [mount / "v2_dot.zarr"]) == first
        assert proxy.requests() == []


def test_each_chunk_of_a_scan_is_fetched_once(proxy, bucket, make_mount, read_stores):
    with make_mount(proxy, ttl="1h") as mount:
        read_stores("zarr", [mount / "v2_raw.zarr"])
    chunks = [name for name in os.listdir(bucket / "v2_raw.zarr") if name[0].isdigit()]
    counts = {name: proxy.count("GET", f"v2_raw.zarr/{name}") for name in chunks}
    assert counts == dict.fromkeys(chunks, 1)


INNER = """
import sys, json, numpy, zarr
there, here, order = zarr.open_array(sys.argv[1], mode="r"), zarr.open_array(sys.argv[2], mode="r"), json.loads(sys.argv[3])
for i, j, k in order:
    place = (slice(i * 8, i * 8 + 8), slice(j * 96, j * 96 + 96), slice(k * 96, k * 96 + 96))
    assert numpy.array_equal(there[place], here[place]), (i, j, k)
"""


def read_inner_chunks(bucket, mount, store, order):
    """zarr-python reads inner chunks one by one; each must be what the bucket's own has."""
    processes.run([sys.executable, "-c", INNER, bucket / store, mount / store, json.dumps(order)])


def inner_chunks(shard, location):
    """(offset, length) of a shard's 16 inner chunks, from its index."""
    data = shard.read_bytes()
    return list(struct.iter_unpack("<QQ", data[:256] if location == "start" else data[-260:-4]))


@pytest.mark.parametrize("location", ["end", "start"])
def test_random_inner_chunks_of_shards_move_little_more_than_themselves(proxy, bucket, make_mount, location):
    store = "v3_inner.zarr" if location == "end" else "v3_inner_start.zarr"
    indexes = [inner_chunks(bucket / store / f"c/{i}/0/0", location) for i in range(3)]
    # No two that lie side by side, and not the first: there the kernel, which takes them for one, reads ahead by itself.
    stored = [sorted(range(16), key=index.__getitem__) for index in indexes]
    order = [(i, *divmod(stored[i][place], 4)) for i in range(3) for place in range(2, 16, 2)]
    random.Random(2).shuffle(order)
    with make_mount(proxy, ttl="1h") as mount:
        read_inner_chunks(bucket, mount, store, order)
        again = proxy.count(key=f"{store}/c/.*")
        read_inner_chunks(bucket, mount, store, order)
        assert proxy.count(key=f"{store}/c/.*") == again
    wanted = sum(indexes[i][j * 4 + k][1] for i, j, k in order)
    gets = proxy.requests("GET", f"{store}/c/.*")
    # The directories may be asked for: the first lookup can come before the document that was just read is learnt.
    assert proxy.count("HEAD", f"{store}/c/./0/0") == 0
    print(len(gets), "GETs for", len(order), "inner chunks;", sum(r.sent for r in gets) / wanted, "times the bytes")
    assert len(gets) <= len(order) + len({i for i, _, _ in order}), [(r.key, r.range) for r in gets]
    assert sum(r.sent for r in gets) <= 1.3 * wanted


@pytest.mark.parametrize("location", ["end", "start"])
def test_a_walk_over_inner_chunks_is_fetched_ahead_and_once(proxy, bucket, make_mount, location):
    store = "v3_inner.zarr" if location == "end" else "v3_inner_start.zarr"
    order = [(i, j, k) for i in range(3) for j in range(4) for k in range(4)]
    with make_mount(proxy, ttl="1h") as mount:
        read_inner_chunks(bucket, mount, store, order)
        reads = json.loads((mount / ".zarrfs/stats.json").read_bytes())["reads"]
    gets = proxy.requests("GET", f"{store}/c/.*")
    assert sum(r.sent for r in gets) <= 1.1 * sum((bucket / store / f"c/{i}/0/0").stat().st_size for i in range(3))
    assert len(gets) <= len(order) + 3
    assert reads["bytes_prefetched"] > 0
    assert reads["prefetched_wasted"] == 0


def test_a_remount_uses_the_index_of_a_shard_again(proxy, bucket, make_mount):
    with make_mount(proxy, ttl="1h") as mount:
        read_inner_chunks(bucket, mount, "v3_inner.zarr", [(1, 0, 0)])
    proxy.forget()
    with make_mount(proxy, ttl="1h") as mount:
        read_inner_chunks(bucket, mount, "v3_inner.zarr", [(1, 2, 3)])
    assert proxy.count(key="v3_inner.zarr/c/.*") == 1


@pytest.mark.parametrize("location", ["end", "start"])
def test_a_shard_that_was_evicted_keeps_its_index_over_a_remount(proxy, bucket, make_mount, location):
    store, other = ("v3_inner.zarr", "v3_inner_start.zarr")[:: 1 if location == "end" else -1]
    shards = [f"{store}/c/{i}/0/0" for i in range(3)]

    def cached(mount, shard):
        return json.loads((mount / f".zarrfs/inodes/{os.stat(mount / shard).st_ino}.json").read_bytes())["cached_bytes"]

    with make_mount(proxy, ttl="1h", cache_size="16MiB") as mount:
        read_inner_chunks(bucket, mount, store, [(i, 1, 2) for i in range(3)])
        assert all(cached(mount, shard) > 290_000 for shard in shards)
        # Others need the room, all of them more than the cache: down to the index.
        for shard in [f"{other}/c/{i}/0/0" for i in range(3)] + [f"v3_shard.zarr/c/{i}/{j}/0" for i in (0, 1) for j in (0, 1)]:
            assert (mount / shard).read_bytes() == (bucket / shard).read_bytes()
        processes.wait_until(lambda: all(0 < cached(mount, shard) <= 64 << 10 for shard in shards), PATIENCE, "the eviction")
        assert mount.stats()["cache.evictions"] >= 3
        assert mount.allocated() <= 16 << 20
    proxy.forget()
    with make_mount(proxy, ttl="1h", cache_size="16MiB") as mount:
        read_inner_chunks(bucket, mount, store, [(i, 2, 3) for i in range(3)])
    gets = proxy.requests(key=f"{store}/c/.*")
    assert sorted((r.kind, r.key) for r in gets) == [("GET", shard) for shard in shards], [(r.key, r.range) for r in gets]
    for i, request in enumerate(gets):
        offset, length = inner_chunks(bucket / request.key, location)[2 * 4 + 3]
        first, last = map(int, request.range.removeprefix("bytes=").split("-"))
        assert first <= offset and offset + length <= last + 1 and last - first < 1.3 * length, (offset, length, request.range)
    # Too old to be believed, each costs one HEAD, and no index.
    proxy.forget()
    with make_mount(proxy, ttl="0s", cache_size="16MiB") as mount:
        read_inner_chunks(bucket, mount, store, [(1, 3, 0)])
    assert {r.kind for r in proxy.requests(key=f"{store}/c/.*")} == {"HEAD", "GET"}
    assert proxy.count("GET", f"{store}/c/.*") == 1


def test_inner_chunks_over_plain_http(nginx, bucket, make_mount):
    with Proxy(nginx.port, bucket="") as proxy, make_mount(proxy, source=proxy.url) as mount:
        read_inner_chunks(bucket, mount, "v3_inner.zarr", [(1, 2, 3), (0, 1, 1), (1, 0, 2)])
        gets = proxy.requests("GET", "v3_inner.zarr/c/.*")
    # Three inner chunks; the indexes of all shards come along with the first one's.
    shards = sum(path.is_file() for path in (bucket / "v3_inner.zarr/c").rglob("*"))
    assert len(gets) == 3 + shards and proxy.count("HEAD", "v3_inner.zarr/c/./0/0") == 0
    assert sum(r.sent for r in gets) < 1_300_000


def test_inner_chunks_of_a_directory(bucket, make_mount):
    with make_mount(source=f"file://{bucket}") as mount:
        read_inner_chunks(bucket, mount, "v3_inner.zarr", [(1, 2, 3), (0, 1, 1), (1, 0, 2)])
        remote = json.loads((mount / ".zarrfs/stats.json").read_bytes())["reads"]
    assert remote["bytes_from_remote"] < 1_300_000


def test_a_remount_asks_for_no_body_again(proxy, make_mount, read_stores):
    with make_mount(proxy, ttl="1h") as mount:
        first = read_stores("zarr", [mount / "v2_raw.zarr"])
    proxy.forget()
    with make_mount(proxy, ttl="1h") as mount:
        assert read_stores("zarr", [mount / "v2_raw.zarr"]) == first
    assert proxy.count("GET", r"v2_raw\.zarr/\d.*") == 0


def test_an_old_answer_is_revalidated_without_a_body(proxy, bucket, make_mount):
    """Fresh no more: HEAD, or a GET answered 304; never the bytes again."""
    with make_mount(proxy, ttl="1s") as mount:
        (mount / CHUNK).read_bytes()
        proxy.forget()

        def asked():
            assert (mount / CHUNK).read_bytes() == (bucket / CHUNK).read_bytes()
            return proxy.requests(key=CHUNK) or proxy.requests("LIST")

        processes.wait_until(asked, PATIENCE, "a revalidation", step=0.2)
        moved = [r for r in proxy.requests("GET", CHUNK) if r.status in (200, 206)]
        assert moved == []


def test_walking_downloads_nothing(proxy, make_mount):
    with make_mount(proxy) as mount:
        processes.run(["find", mount.point, "-size", "+1k"])
        processes.run(["ls", "-lR", mount.point])
        processes.run(["du", "-s", mount.point])
    bodies = [r.key for r in proxy.requests("GET") if r.key.split("/")[-1][0].isdigit()]
    assert bodies == []


def test_listing_again_asks_nothing(proxy, make_mount):
    with make_mount(proxy, ttl="1h") as mount:
        processes.run(["ls", "-lR", mount.point])
        proxy.forget()
        processes.run(["ls", "-lR", mount.point])
        processes.run(["du", "-s", mount.point])
        assert proxy.requests() == []


def test_absent_names_are_asked_once(proxy, make_mount):
    with make_mount(proxy, ttl="1h") as mount:
        for _ in range(5):
            assert not (mount / "raw/absent").exists()
        once = proxy.count(key="raw/absent.*")
        assert once <= 2, "more than a HEAD and a LIST"
        for _ in range(5):
            assert not (mount / "raw/absent").exists()
        assert proxy.count(key="raw/absent.*") == once


def test_a_large_object_is_split(proxy, bucket, make_mount):
    with make_mount(proxy, part_size="8MiB") as mount:
        assert (mount / "raw/big.bin").read_bytes() == (bucket / "raw/big.bin").read_bytes()
    gets = proxy.requests("GET", "raw/big.bin")
    assert len(gets) >= 2
    assert sum(r.sent for r in gets) <= 24 << 20
    assert all(r.range for r in gets)


def lookups_at_once(proxy, folder, count=200, threads=16):
    """The most requests that the proxy saw at once while `threads` threads look up `count` names of one directory."""
    proxy.forget()
    proxy.delay = 0.05
    with ThreadPoolExecutor(threads) as pool:
        present = list(pool.map(lambda i: os.path.exists(folder / f"f{i:07d}"), range(count)))
    proxy.delay = 0
    return present, proxy.most_in_flight


@pytest.mark.parametrize("source", ["http", "s3"])
def test_directory_operations_run_in_parallel(source, work, make_mount):
    """200 cold names of one directory from 16 threads: without FUSE_PARALLEL_DIROPS the kernel sends one LOOKUP at a time.

    A count, not a time. One LIST that answers all is as good.
    """
    if source == "http":
        (work / "site").mkdir()
        work.chmod(0o755)
        for index in range(0, 200, 2):
            (work / f"site/f{index:07d}").write_bytes(b"x")
        server = Nginx(work / "site", work / "nginx")
        expected = [index % 2 == 0 for index in range(200)]
    else:
        server = SyntheticS3(100)
        expected = [index < 100 for index in range(200)]
    with server, Proxy(server.port) as proxy:
        mount = make_mount(proxy, source=proxy.url) if source == "http" else make_mount(proxy, no_sign_request=True)
        with mount:
            folder = mount.point if source == "http" else mount / "flat"
            assert folder.is_dir()
            present, at_once = lookups_at_once(proxy, folder)
        assert present == expected
        assert at_once > 4 or proxy.count() < 20


def test_a_directory_of_20000_keys_lists_completely(make_mount):
    with SyntheticS3(20_000) as server, make_mount(server, no_sign_request=True, ttl="1h") as mount:
        names = os.listdir(mount / "flat")
        assert len(names) == 20_000
        assert set(names) == {server.name(i) for i in range(20_000)}
        lists = server.lists
        processes.run(["ls", "-l", mount / "flat"])
        assert server.lists == lists
        # Sizes came with the listing.
        assert server.heads <= 20
        assert (mount / "flat/f0019999").read_bytes() == b"f0019999"


def test_a_directory_shows_entries_after_its_first_page(make_mount):
    with SyntheticS3(5_000, hold_after=1) as server, make_mount(server, no_sign_request=True) as mount:
        seen = threading.Event()
        names = []

        def read():
            with os.scandir(mount / "flat") as entries:
                for entry in entries:
                    names.append(entry.name)
                    seen.set()

        reader = threading.Thread(target=read, daemon=True)
        reader.start()
        shown = seen.wait(PATIENCE)
        server.released.set()
        reader.join(PATIENCE)
        assert shown, "nothing before the second page came"
        assert len(names) == len(set(names)) == 5_000


def test_a_listing_that_cannot_be_finished_fails_as_a_whole(make_mount):
    with SyntheticS3(5_000, fail_after=3) as server, make_mount(server, no_sign_request=True, timeout="2s") as mount:
        with pytest.raises(OSError):
            os.listdir(mount / "flat")


@pytest.mark.stress
def test_a_directory_of_200000_keys(make_mount):
    """The daemon's memory does not grow with it."""
    with SyntheticS3(200_000) as server, make_mount(server, no_sign_request=True, ttl="1h") as mount:
        assert len(os.listdir(mount / "flat")) == 200_000
        with open(f"/proc/{mount.process.pid}/status") as status:
            peak = next(int(line.split()[1]) for line in status if line.startswith("VmHWM"))
        assert peak < 128 * 1024, f"{peak} KiB"
