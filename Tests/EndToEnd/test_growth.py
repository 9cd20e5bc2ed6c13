"""Nothing grows: memory, descriptors and inodes stay bounded whatever is read, looked up or open."""

import json
import os
import random
import re
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from harness import processes
from harness.cgroup import Cgroup
from harness.memory import MemoryS3
from harness.mount import PATIENCE
from harness.telling import content, difference

from test_stress import usage

ROOT_ONLY = pytest.mark.skipif(os.geteuid() != 0, reason="only root may drop the kernel's caches")
LARGE = 10 << 30
#: Where the sparse object holds something: at each, 1 MiB that tells where it is.
MARKED = {place: content(f"at{place >> 20}", 1, 1 << 20) for place in range(0, LARGE, 640 << 20)}


@pytest.fixture(scope="module")
def sparse(session_folder):
    """A folder with an object of 10 GB, nearly all hole."""
    folder = session_folder / "sparse"
    folder.mkdir()
    with open(folder / "large", "wb") as body:
        for place, told in MARKED.items():
            body.seek(place)
            body.write(told)
        body.truncate(LARGE)
    return folder


def read_at_random(mount, readers, reads, slow=()):
    """Threads that each read pieces of the large object from a descriptor of their own; the bytes are compared."""

    def reader(number):
        chance = random.Random(number)
        with open(mount / "large", "rb", buffering=0) as body:
            for _ in range(reads):
                marked = chance.choice(list(MARKED))
                place = marked + chance.choice([0, 4096, 300_000, 1 << 20, 5 << 20])
                wanted = chance.choice([4096, 131_072, 500_000])
                expected = MARKED[marked][place - marked :][:wanted]
                expected += b"\0" * (wanted - len(expected))
                read = os.pread(body.fileno(), wanted, place)
                # An error behind the first page makes a read short; asked again, it is told.
                if len(read) < wanted:
                    read += os.pread(body.fileno(), wanted - len(read), place + len(read))
                assert read == expected, f"{place}: {difference(read, expected)}\n{processes.tail(mount.log)}"
                if number in slow:
                    time.sleep(0.05)

    with ThreadPoolExecutor(readers) as pool:
        list(pool.map(reader, range(readers)))


def peak(mount):
    with open(f"/proc/{mount.process.pid}/status") as status:
        return int(re.search(r"VmHWM:\s+(\d+)", status.read())[1]) << 10


@pytest.mark.parametrize("cache_size", ["64MiB", "4GiB"], ids=["through windows", "cached"])
def test_memory_under_64_readers_of_a_large_object(cache_size, sparse, make_mount):
    """Some of them slow. --memory bounds what is under way; the rest is the binary, its threads and their buffers."""
    with make_mount(source=f"file://{sparse}", cache_size=cache_size, memory="64MiB", max_object_size="20GiB" if cache_size == "4GiB" else None) as mount:
        read_at_random(mount, 64, 20, slow=range(0, 64, 8))
        most = peak(mount)
        stats = mount.stats()
        assert stats["reads.budget_limit"] <= 64 << 20
        print(f"peak {most >> 20} MiB")
        assert most < 256 << 20


def test_in_a_cgroup_of_128_mib(sparse, make_mount):
    """The default of --memory comes from it, and nothing is killed."""
    try:
        group = Cgroup(128 << 20).__enter__()
    except OSError as error:
        pytest.skip(f"no memory cgroup can be made here: {error}")
    try:
        with make_mount(source=f"file://{sparse}", cache_size="1GiB", within=group.within) as mount:
            assert json.loads((mount / ".zarrfs/config.json").read_text())["memory"] == 32 << 20
            read_at_random(mount, 64, 20)
            print(f"{group.anonymous >> 20} MiB not to be given back")
            assert mount.process.poll() is None
        assert group.killed == 0
    finally:
        processes.wait_until(lambda: not group.path.joinpath("cgroup.procs").read_text(), PATIENCE, "the end of its processes")
        group.__exit__()


@pytest.fixture(scope="module")
def many(session_folder):
    """A folder with 20,000 small objects in 20 directories."""
    folder = session_folder / "many"
    for number in range(20_000):
        path = folder / f"d{number % 20:02d}" / f"object{number:05d}"
        if number < 20:
            path.parent.mkdir(parents=True)
        path.write_bytes(b"%05d" % number)
    return folder


@ROOT_ONLY
def test_what_the_kernel_forgets_is_forgotten(many, make_mount):
    with make_mount(source=f"file://{many}", ttl="1h") as mount:
        before = mount.stats()["inodes_known"]
        processes.run(["find", mount.point, "-size", "+100"])
        held = [open(mount / f"d00/object{number:05d}", "rb") for number in range(0, 2000, 20)]
        known = mount.stats()["inodes_known"]
        assert known >= 20_000
        for body in held:
            assert body.read() == b"%05d" % int(os.path.basename(body.name)[6:])

        def forgotten(limit):
            with open("/proc/sys/vm/drop_caches", "w") as switch:
                switch.write("2")
            stats = mount.stats()
            return stats["inodes_known"] <= limit and stats["directories_open"] == 0

        # Those that are open stay, with their folder.
        processes.wait_until(lambda: forgotten(before + len(held) + 25), PATIENCE, "the FORGETs of what is closed", step=0.5)
        assert mount.stats()["inodes_known"] >= len(held)
        for body in held:
            body.close()
        # What a look at the statistics itself holds may be one of them.
        processes.wait_until(lambda: forgotten(before + 2), PATIENCE, "all FORGETs", step=0.5)


@pytest.mark.parametrize("source", ["file", "s3"])
def test_descriptors_are_bounded(source, many, make_mount):
    """Whatever is cached, and with 500 files open at once, some of them being read."""
    server = MemoryS3()
    if source == "s3":
        for number in range(1000):
            server.put(f"d{number % 20:02d}/object{number:05d}", b"%05d" % number)
    with server, make_mount(server, source=f"file://{many}" if source == "file" else "s3://bucket", ttl="1h") as mount:
        names = [f"d{number % 20:02d}/object{number:05d}" for number in range(1000)]
        with ThreadPoolExecutor(16) as pool:
            assert list(pool.map(lambda name: (mount / name).read_bytes(), names)) == [b"%05d" % n for n in range(1000)]
        held = [open(mount / name, "rb") for name in names[:500]]
        for number, body in enumerate(held):
            os.posix_fadvise(body.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
            assert body.read() == b"%05d" % number
        _, descriptors = usage(mount.process.pid)
        for body in held:
            body.close()
        print(f"{descriptors} descriptors")
        # 256 bodies stay open; the rest is the index, the device, the transfer loop and the source's own.
        assert descriptors < 256 + 64


@pytest.mark.stress
def test_memory_does_not_grow_with_time(sparse, many, make_mount):
    """The same reading again and again: the peak of the last half is that of the first."""
    with make_mount(source=f"file://{sparse}", cache_size="64MiB", memory="64MiB") as mount:
        read_at_random(mount, 32, 60)
        first = peak(mount)
        for _ in range(4):
            read_at_random(mount, 32, 60)
        print(f"peak {first >> 20} MiB, then {peak(mount) >> 20} MiB")
        assert peak(mount) <= first + (16 << 20)
