"""The ten promises of docs/semantics.md, each by its name, through a kernel mount of a real S3 server.

What surrounds them (every fault, every reader, every tool) is in the other files.
"""

import errno
import hashlib
import os
import subprocess
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from harness import processes
from harness.mount import PATIENCE, DiskWatch, allocated

from conftest import ZARR2

CHUNK = "v2_raw.zarr/0.0.0"


def body(seed, size):
    """Bytes that tell their version and their place: any mix of two versions shows."""
    blocks = (hashlib.sha256(f"{seed}:{index}".encode()).digest() for index in range(size // 32 + 1))
    return b"".join(blocks)[:size]


SIZES = pytest.mark.parametrize("size", [40_000, 24 << 20], ids=["small", "multipart"])


@SIZES
def test_one_version(size, proxy, new_bucket, make_mount):
    """An object is replaced again and again under readers: each read is one version's bytes, or ESTALE, never a mix."""
    name, put = new_bucket
    versions = {hashlib.sha256(b).digest(): seed for seed in range(4) for b in [body(seed, size)]}
    put("object", body(0, size))
    seen, wrong, over = set(), [], threading.Event()

    with make_mount(proxy, source=f"s3://{name}", ttl="1s", part_size="1MiB") as mount:

        def read():
            while not over.is_set():
                try:
                    whole = (mount / "object").read_bytes()
                except OSError as error:
                    if error.errno != errno.ESTALE:
                        wrong.append(error)
                    continue
                version = versions.get(hashlib.sha256(whole).digest())
                seen.add(version)
                if version is None:
                    wrong.append(f"{len(whole)} bytes of no version")

        readers = [threading.Thread(target=read, daemon=True) for _ in range(3)]
        for reader in readers:
            reader.start()
        for seed in range(1, 4):
            processes.wait_until(lambda seed=seed: seed - 1 in seen or wrong, PATIENCE, f"version {seed - 1}")
            put("object", body(seed, size))
        processes.wait_until(lambda: 3 in seen or wrong, PATIENCE, "the last version")
        over.set()
        for reader in readers:
            reader.join(PATIENCE)
    assert wrong == []


def test_one_version_with_a_reader_in_the_middle(proxy, new_bucket, make_mount):
    """The object changes after its head was read and before its tail was fetched."""
    name, put = new_bucket
    size = 24 << 20
    old, new = body("old", size), body("new", size)
    put("object", old)
    with make_mount(proxy, source=f"s3://{name}", ttl="1s", part_size="1MiB", prefetch="off") as mount:
        # Everything but the first part waits at the server's door until the object has changed.
        proxy.fault("hold", kind="GET", where=lambda r: r.range and not r.range.startswith("bytes=0-"))
        with open(mount / "object", "rb", buffering=0) as reader:
            head = os.pread(reader.fileno(), 4096, 0)
            assert head == old[:4096]
            put("object", new)
            proxy.heal()
            try:
                tail = os.pread(reader.fileno(), 65536, size - 65536)
                assert tail == old[-65536:], "a reader of the old version got the new one's bytes"
            except OSError as error:
                assert error.errno == errno.ESTALE

        def current():
            try:
                return (mount / "object").read_bytes() == new
            except OSError as error:
                # Within the ttl the name still means the old version, of which not all is cached.
                assert error.errno == errno.ESTALE
                return False

        processes.wait_until(current, PATIENCE, "the new version", step=0.2)


def test_a_replaced_object_is_found_by_the_next_open(proxy, new_bucket, make_mount):
    """Within the ttl the name means the old version, of which nobody has the bytes. The reading that meets the new one fails;
    the next open does not wait for the ttl. A file held open is still that of the old version."""
    name, put = new_bucket
    put("d/object", body(0, 40_000))
    put("d/gone", body(2, 40_000))
    with make_mount(proxy, source=f"s3://{name}", ttl="1h") as mount:
        assert sorted(os.listdir(mount / "d")) == ["gone", "object"]
        put("d/object", body(1, 50_000))
        with open(mount / "d/object", "rb", buffering=0) as reader:
            for _ in range(2):
                with pytest.raises(OSError) as error:
                    reader.read()
                assert error.value.errno == errno.ESTALE

            def current():
                try:
                    return (mount / "d/object").read_bytes() == body(1, 50_000)
                except OSError as failure:
                    # The kernel is told beside the answer.
                    assert failure.errno == errno.ESTALE
                    return False

            processes.wait_until(current, PATIENCE, "the new version")
            assert os.stat(mount / "d/object").st_size == 50_000
            assert os.fstat(reader.fileno()).st_size == 40_000
        proxy.fault("status", code=404, key=r"(.*/)?d/gone", kind="GET|HEAD")
        with pytest.raises(OSError) as error:
            (mount / "d/gone").read_bytes()
        assert error.value.errno == errno.EIO

        def absent():
            try:
                os.stat(mount / "d/gone")
            except FileNotFoundError:
                return True
            except OSError as failure:
                assert failure.errno == errno.ESTALE
            return False

        processes.wait_until(absent, PATIENCE, "the name to go")


def test_absent_is_not_unknown(proxy, make_mount):
    """404 is ENOENT. 500, 503, a reset and silence are not, whatever name is asked for."""
    with make_mount(proxy, timeout="2s") as mount:
        with pytest.raises(FileNotFoundError):
            os.stat(mount / "raw/absent")
        for index, action in enumerate(("status", "reset", "stall")):
            fault = proxy.fault(action, code=500, key=r"raw.*", kind="GET|HEAD|LIST")
            name = mount / f"raw/unknown{index}"
            with pytest.raises(OSError) as caught:
                name.read_bytes()
            assert caught.value.errno != errno.ENOENT, action
            fault.release()
            proxy.heal()


def test_never_a_fill_value_for_a_fault(proxy, make_mount, read_stores, try_reading, bucket):
    """A chunk that cannot be had makes every reader raise, and is read right once the fault is over."""
    readers = {"zarr3": ("zarr", None), "zarr2": ("zarr", ZARR2), "tensorstore": ("tensorstore", None)}
    with make_mount(proxy, timeout="5s") as mount, ThreadPoolExecutor() as pool:
        # Nothing that names the chunk comes through: not its head, not a listing of just it.
        proxy.fault("status", code=500, key=CHUNK)
        running = {n: pool.submit(try_reading, r, mount / "v2_raw.zarr", python) for n, (r, python) in readers.items()}
        for name, read in running.items():
            code, err = read.result()
            assert code != 0, f"{name} read a fill value"
            assert "rror" in err
        proxy.heal()
        expected = read_stores("zarr", [bucket / "v2_raw.zarr"])
        processes.wait_until(lambda: try_reading("zarr", mount / "v2_raw.zarr")[0] == 0, PATIENCE, "recovery")
        assert read_stores("zarr", [mount / "v2_raw.zarr"]) == expected


def test_freshness_within_ttl(proxy, new_bucket, make_mount):
    name, put = new_bucket
    put("object", b"old")
    with make_mount(proxy, source=f"s3://{name}", ttl="1h") as mount:
        assert (mount / "object").read_bytes() == b"old"
        put("object", b"newer")
        proxy.forget()
        for _ in range(20):
            assert (mount / "object").read_bytes() == b"old"
        assert proxy.count(key="object") == 0


@SIZES
def test_freshness_after_ttl(size, proxy, new_bucket, make_mount):
    """The new one shows after the ttl, and the old one never again after that."""
    name, put = new_bucket
    old, new = body("old", size), body("new", size)
    put("object", old)
    with make_mount(proxy, source=f"s3://{name}", ttl="1s") as mount:
        assert (mount / "object").read_bytes() == old
        put("object", new)

        def current():
            whole = (mount / "object").read_bytes()
            assert whole in (old, new)
            return whole == new

        processes.wait_until(current, PATIENCE, "the new version", step=0.1)
        for _ in range(5):
            assert (mount / "object").read_bytes() == new


def test_freshness_of_names(proxy, new_bucket, make_mount):
    """An absent name that appears, a present one that goes, a listing that changes."""
    name, put = new_bucket
    put("folder/a", b"a")
    with make_mount(proxy, source=f"s3://{name}", ttl="1s") as mount:
        assert os.listdir(mount / "folder") == ["a"]
        assert not (mount / "folder/b").exists()
        put("folder/b", b"b")
        processes.wait_until(lambda: (mount / "folder/b").exists(), PATIENCE, "the new name")
        processes.wait_until(lambda: sorted(os.listdir(mount / "folder")) == ["a", "b"], PATIENCE, "the new listing")
        assert (mount / "folder/b").read_bytes() == b"b"


def test_stale_when_the_remote_is_down(proxy, bucket, make_mount):
    with make_mount(proxy, ttl="1s", timeout="2s") as mount:
        expected = (mount / CHUNK).read_bytes()
        proxy.refuse()
        deadline = threading.Event()
        # Over the ttl, and so asked for in vain.
        for _ in range(3):
            deadline.wait(1.1)
            assert (mount / CHUNK).read_bytes() == expected


def test_no_stale_answer_where_that_is_forbidden(proxy, bucket, make_mount):
    with make_mount(proxy, ttl="1s", timeout="2s", stale_if_error="no") as mount:
        expected = (mount / CHUNK).read_bytes()
        proxy.refuse()
        threading.Event().wait(1.1)
        with pytest.raises(OSError) as caught:
            (mount / CHUNK).read_bytes()
        assert caught.value.errno == errno.EIO
        assert mount.stats()["names.poisoned"] > 0
        proxy.accept()

        def recovered():
            try:
                return (mount / CHUNK).read_bytes() == expected
            except OSError:
                return False

        processes.wait_until(recovered, PATIENCE, "recovery", step=0.3)


def test_offline_asks_nothing(proxy, bucket, make_mount):
    """With a server that would answer: what is cached is right however old, and the rest is an error, not a missing file."""
    with make_mount(proxy) as mount:
        expected = (mount / CHUNK).read_bytes()
        listed = sorted(os.listdir(mount / "v2_raw.zarr"))
    proxy.forget()
    with make_mount(proxy, offline=True, ttl="1ms") as mount:
        assert (mount / CHUNK).read_bytes() == expected
        assert sorted(os.listdir(mount / "v2_raw.zarr")) == listed
        with pytest.raises(OSError) as caught:
            (mount / "v2_raw.zarr/1.1.1").read_bytes()
        assert caught.value.errno == errno.EIO
        with pytest.raises(OSError) as caught:
            os.listdir(mount / "v3_plain.zarr")
        assert caught.value.errno != errno.ENOENT
    assert proxy.requests() == []


def test_a_changed_object_is_a_new_file(proxy, new_bucket, make_mount):
    name, put = new_bucket
    put("object", b"old and short")
    with make_mount(proxy, source=f"s3://{name}", ttl="1s") as mount:
        with open(mount / "object", "rb", buffering=0) as reader:
            before = os.fstat(reader.fileno())
            assert reader.read(3) == b"old"
            put("object", b"new, and longer than it was")
            processes.wait_until(lambda: os.stat(mount / "object").st_ino != before.st_ino, PATIENCE, "a new inode")
            assert os.stat(mount / "object").st_size == 27
            # Whoever has the old one open goes on with it.
            assert os.fstat(reader.fileno()).st_size == before.st_size
            assert reader.read() == b" and short"
        assert (mount / "object").read_bytes() == b"new, and longer than it was"


CACHE_SIZE = 16 << 20


def test_bounded(s3, new_bucket, make_mount, work):
    """A scan of ten times the bound never takes the cache directory above it, and every byte is right."""
    name, put = new_bucket
    bodies = {f"chunk{index:03d}": os.urandom(2 << 20) for index in range(80)}
    for key, value in bodies.items():
        put(key, value)
    with make_mount(s3, source=f"s3://{name}", cache_size=f"{CACHE_SIZE >> 20}MiB") as mount, DiskWatch(mount.cache) as watch:
        for key, value in bodies.items():
            assert (mount / key).read_bytes() == value, key
        assert allocated(mount.cache) <= CACHE_SIZE
    assert watch.samples > 10
    assert watch.most <= CACHE_SIZE
    assert watch.most >= CACHE_SIZE // 4, "nothing was cached: the bound was not tried"


def test_survives_unmount(proxy, bucket, make_mount, read_stores):
    """With the server gone: what was read is read again, by another mount."""
    stores = ["v2_dot.zarr", "v3.zarr", "v2_sparse.zarr"]
    expected = read_stores("zarr", [bucket / store for store in stores])
    with make_mount(proxy) as mount:
        assert read_stores("zarr", [mount / store for store in stores]) == expected
    proxy.refuse()
    for options in ({"offline": True}, {"timeout": "2s"}):
        with make_mount(proxy, **options) as mount:
            assert read_stores("zarr", [mount / store for store in stores]) == expected


def test_survives_kill_9(proxy, bucket, make_mount):
    with make_mount(proxy, ttl="1h") as mount:
        big = (mount / "raw/big.bin").read_bytes()
        (mount / CHUNK).read_bytes()
        # What is older than the group commit is there again; the rest is fetched again.
        threading.Event().wait(3)
        mount.kill9()
        mount.clear()
    proxy.forget()
    with make_mount(proxy, ttl="1h") as mount:
        assert (mount / "raw/big.bin").read_bytes() == big == (bucket / "raw/big.bin").read_bytes()
        assert (mount / CHUNK).read_bytes() == (bucket / CHUNK).read_bytes()
    assert proxy.count("GET", r"raw/big\.bin") == 0


def test_the_cache_is_advisory(s3, bucket, make_mount, work, source_tree):
    """The index is damaged, the bodies are damaged and gone: a fresh start, never an error or a wrong byte."""
    from conftest import tree

    with make_mount(s3) as mount:
        assert tree(mount.point) == source_tree
    for index in mount.cache.rglob("*.sqlite*"):
        with open(index, "r+b") as file:
            file.seek(0)
            file.write(os.urandom(min(8192, index.stat().st_size)))
    with make_mount(s3) as mount:
        assert tree(mount.point) == source_tree
    for path in mount.cache.rglob("*"):
        if path.is_file() and "sqlite" not in path.name and path.stat().st_size > 1 << 20:
            path.unlink()
    with make_mount(s3) as mount:
        assert tree(mount.point) == source_tree


def test_a_dead_network_does_not_hang_what_is_cached(proxy, bucket, make_mount):
    with make_mount(proxy, ttl="1h") as mount:
        cached = (mount / CHUNK).read_bytes()
        root = sorted(os.listdir(mount.point))
        stalled = proxy.fault("stall")
        stuck = [subprocess.Popen(["cat", mount / f"v2_raw.zarr/{i}.1.1"], stdout=subprocess.DEVNULL) for i in range(3)]
        stuck += [subprocess.Popen(["ls", mount / "v3.zarr"], stdout=subprocess.DEVNULL)]
        processes.wait_until(lambda: stalled.hits >= 2, PATIENCE, "stuck requests")
        assert processes.run(["cat", mount / CHUNK], within=20).stdout == cached
        assert sorted(processes.run(["ls", "-A", mount.point], within=20).stdout.decode().split("\n")[:-1]) == root
        processes.run(["df", mount.point], within=20)
        assert mount.stats()
        # A waiting reader can be interrupted.
        for process, signal in zip(stuck, ("INT", "KILL", "TERM", "INT"), strict=True):
            subprocess.run(["kill", f"-{signal}", str(process.pid)], check=True)
            process.wait(20)


def test_fetched_once(proxy, bucket, make_mount):
    key = "raw/big.bin"
    with make_mount(proxy, ttl="1h", hedge="off") as mount:
        readers = [subprocess.Popen(["sha256sum", mount / key], stdout=subprocess.PIPE) for _ in range(8)]
        sums = {reader.communicate(timeout=PATIENCE)[0].split()[0] for reader in readers}
    assert sums == {hashlib.sha256((bucket / key).read_bytes()).hexdigest().encode()}
    gets = proxy.requests("GET", key)
    assert sum(r.sent for r in gets) == 24 << 20
    assert len({r.range for r in gets}) == len(gets)
