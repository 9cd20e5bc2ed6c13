"""What the network can do to a reader: it waits and is right, or it raises. Never a fill value, never a wrong byte."""

import contextlib
import errno
import hashlib
import json
import os
import signal
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from harness import processes
from harness.certificates import Authority
from harness.mount import PATIENCE
from harness.proxy import Proxy

from conftest import ZARR2

CHUNK = "v2_raw.zarr/1.0.1"
#: (name, reader, python, store)
READERS = [
    ("zarr3", "zarr", None, "v2_raw.zarr"),
    ("zarr2", "zarr", ZARR2, "v2_raw.zarr"),
    ("xarray", "xarray", None, "v2_dot.zarr"),
]

#: What a mount gets for --timeout where the remote never heals: over what a busy machine takes for what does work.
TIMEOUT = "5s"


def read_at_once(mount, try_reading):
    """Every reader at the same time, since each waits a --timeout: {name: (exit code, standard error)}."""
    with ThreadPoolExecutor() as pool:
        running = {name: pool.submit(try_reading, reader, mount / store, python) for name, reader, python, store in READERS}
        return {name: read.result() for name, read in running.items()}


#: Faults that last: (action, settings).
PERMANENT = {
    "500": ("status", {"code": 500}),
    "503": ("status", {"code": 503}),
    "403": ("status", {"code": 403}),
    "reset": ("reset", {}),
    # Nothing of the body: whoever got some of it each time would have it all in the end.
    "truncated": ("truncate", {"after": 0}),
    "silent": ("stall", {}),
    "silent body": ("stall_body", {"after": 0}),
}


#: One chunk of each of their stores.
ONE_CHUNK = r"v2_raw\.zarr/1\.0\.1|v2_dot\.zarr/air/1\.0\.1"


@pytest.mark.parametrize("fault", PERMANENT)
def test_permanent_fault_of_a_chunk_raises(fault, proxy, make_mount, try_reading):
    action, settings = PERMANENT[fault]
    with make_mount(proxy, timeout=TIMEOUT) as mount:
        struck = proxy.fault(action, key=ONE_CHUNK, **settings)
        for name, (code, err) in read_at_once(mount, try_reading).items():
            assert code != 0, f"{name} read values that nobody has"
            assert "rror" in err, f"{name} ended without a reason"
        assert struck.hits > 0
        proxy.heal()


def test_permanent_fault_of_a_chunk_that_a_listing_showed(proxy, make_mount, try_reading):
    with make_mount(proxy, timeout=TIMEOUT) as mount:
        processes.run(["ls", "-lR", mount.point])
        proxy.fault("status", code=500, kind="GET|HEAD", key=ONE_CHUNK)
        for name, (code, _) in read_at_once(mount, try_reading).items():
            assert code != 0, f"{name} read values that nobody has"


@pytest.mark.parametrize("document", [".zarray", "zarr.json"])
def test_permanent_fault_of_metadata_raises(document, proxy, make_mount, try_reading):
    store = "v2_raw.zarr" if document == ".zarray" else "v3_sparse.zarr"
    with make_mount(proxy, timeout=TIMEOUT) as mount:
        proxy.fault("status", code=500, key=rf"{store}/{document}")
        assert try_reading("zarr", mount / store)[0] != 0


def test_network_gone_raises(proxy, make_mount, try_reading):
    with make_mount(proxy, timeout=TIMEOUT) as mount:
        os.listdir(mount.point)
        proxy.refuse()
        for name, (code, _) in read_at_once(mount, try_reading).items():
            assert code != 0, f"{name} read values that nobody has"
        proxy.accept()

        def recovered():
            return all(code == 0 for code, _ in read_at_once(mount, try_reading).values())

        processes.wait_until(recovered, PATIENCE, "recovery", step=0.5)


TRANSIENT = {
    "503 twice": ("status", {"code": 503, "times": 2}),
    "500 five times": ("status", {"code": 500, "times": 5}),
    "429 with Retry-After": ("status", {"code": 429, "times": 1, "headers": {"Retry-After": "1"}}),
    "reset twice": ("reset", {"times": 2}),
    "truncated twice": ("truncate", {"after": 1000, "times": 2}),
    "silent once": ("stall_body", {"after": 1000, "times": 1}),
    "slow": ("delay", {"seconds": 1.5, "times": 3}),
}


@pytest.mark.parametrize("fault", TRANSIENT)
def test_transient_fault_of_a_chunk_is_healed(fault, bucket, proxy, make_mount, read_stores):
    action, settings = TRANSIENT[fault]
    with make_mount(proxy, timeout="60s") as mount:
        struck = proxy.fault(action, kind="GET|HEAD", key=CHUNK, **settings)
        assert read_stores("zarr", [mount / "v2_raw.zarr"]) == read_stores("zarr", [bucket / "v2_raw.zarr"])
        assert struck.hits == settings["times"] or action == "delay" and struck.hits


def test_transient_fault_of_everything_is_healed(bucket, proxy, make_mount, read_stores):
    """Every request of a whole reading fails once."""
    failed, lock = set(), threading.Lock()

    def first_time(request):
        name = (request.kind, request.key, request.range)
        with lock:
            if name in failed:
                return False
            failed.add(name)
            return True

    with make_mount(proxy, timeout="60s") as mount:
        proxy.fault("status", code=503, where=first_time)
        stores = ["v3_plain.zarr", "v3_shard.zarr"]
        assert read_stores("zarr", [mount / s for s in stores]) == read_stores("zarr", [bucket / s for s in stores])
        proxy.heal()


@pytest.mark.parametrize("fault", ["503", "truncated", "reset"])
def test_transient_fault_of_a_large_object(fault, bucket, proxy, make_mount):
    action, settings = {**PERMANENT, "truncated": ("truncate", {"after": 300_000})}[fault]
    with make_mount(proxy, timeout="60s") as mount:
        proxy.fault(action, kind="GET", key="raw/big.bin", times=3, **settings)
        assert (mount / "raw/big.bin").read_bytes() == (bucket / "raw/big.bin").read_bytes()


def test_wrong_bytes_are_seen_where_the_server_sends_a_checksum(bucket, proxy, make_mount):
    with make_mount(proxy, timeout="30s") as mount:
        damaged = proxy.fault("checksum", kind="GET", key=CHUNK, times=1, flip=True)
        proxy.fault("checksum", kind="GET", key=CHUNK)
        assert (mount / CHUNK).read_bytes() == (bucket / CHUNK).read_bytes()
        assert damaged.hits == 1


def test_a_server_that_ignores_ranges(bucket, nginx, make_mount):
    """It answers 200 and everything, whatever part is asked for."""
    with make_mount(source=f"{nginx.url}/whole/raw", timeout="30s") as mount:
        expected = (bucket / "raw/big.bin").read_bytes()
        with open(mount / "big.bin", "rb") as body:
            body.seek(-100, os.SEEK_END)
            assert body.read() == expected[-100:]
        assert (mount / "big.bin").read_bytes() == expected


def test_absent_and_then_there(proxy, make_mount, bucket):
    """404 for a while: absent, by the remote's word; there after the ttl."""
    with make_mount(proxy, ttl="1s") as mount:
        proxy.fault("status", code=404, kind="GET|HEAD", key="raw/empty", times=1)
        proxy.fault("status", code=404, kind="GET|HEAD", key="raw/empty.*", times=1)
        (mount / "raw/empty").exists()
        processes.wait_until(lambda: (mount / "raw/empty").exists(), PATIENCE, "the name")


def test_a_listing_that_fails_is_no_empty_directory(proxy, make_mount):
    with make_mount(proxy, timeout=TIMEOUT) as mount:
        fault = proxy.fault("status", code=500, kind="LIST", key="v3_plain.*")
        with pytest.raises(OSError) as caught:
            os.listdir(mount / "v3_plain.zarr")
        assert caught.value.errno != errno.ENOENT
        fault.release()
        processes.wait_until(lambda: _lists(mount / "v3_plain.zarr"), PATIENCE, "recovery", step=0.3)


def _lists(folder):
    try:
        return bool(os.listdir(folder))
    except OSError:
        return False


@pytest.mark.parametrize("how", ["stall", "refuse"])
class TestDeadNetwork:
    """The network dies under a mount that has read something."""

    @pytest.fixture
    def dead(self, how, proxy, make_mount):
        with make_mount(proxy, ttl="1h") as mount:
            for name in ("v2_raw.zarr/0.0.0", "v2_raw.zarr/.zarray"):
                (mount / name).read_bytes()
            os.listdir(mount.point)
            if how == "stall":
                proxy.fault("stall")
            else:
                proxy.refuse()
            yield mount
            proxy.heal()

    def stuck(self, mount, proxy):
        """A cat that waits for what will not come."""
        process = subprocess.Popen(["cat", mount / "v3_shard.zarr/c/0/0/0"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        threading.Event().wait(0.5)
        assert process.poll() is None, "it was to wait until --timeout"
        return process

    def test_what_is_cached_answers(self, dead, proxy, bucket):
        readers = [self.stuck(dead, proxy) for _ in range(8)]
        for name in ("v2_raw.zarr/0.0.0", "v2_raw.zarr/.zarray"):
            assert processes.run(["cat", dead / name], within=20).stdout == (bucket / name).read_bytes()
        processes.run(["ls", dead.point], within=20)
        processes.run(["df", dead.point], within=20)
        assert dead.stats()
        # All of them first: one that waits inside the kernel for another's lookup of the same name hears no signal.
        for reader in readers:
            reader.kill()
        for reader in readers:
            reader.wait(20)

    @pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
    def test_a_waiting_reader_hears_a_signal(self, number, dead, proxy):
        reader = self.stuck(dead, proxy)
        reader.send_signal(number)
        reader.wait(20)

    def test_unmount_answers(self, dead, proxy):
        from harness.mount import ZARRFS

        reader = self.stuck(dead, proxy)
        reader.kill()
        reader.wait(20)
        processes.run([ZARRFS, "unmount", dead.point], env=dead.env, within=40)
        assert not dead.mounted
        assert dead.process.wait(40) == 0

    def test_sigterm_ends_a_mount_with_waiting_readers(self, dead, proxy):
        reader = self.stuck(dead, proxy)
        dead.process.send_signal(signal.SIGTERM)
        assert dead.process.wait(40) == 0
        assert reader.wait(20) != 0
        assert not dead.mounted


STUCK = 200

#: Reads every file of a folder at once, each in a thread of its own, and prints {name: sha256}.
READ_ALL = """
import hashlib, json, os, sys, threading
digests = {}
def read(name):
    with open(os.path.join(sys.argv[1], name), "rb") as body:
        digests[name] = hashlib.sha256(body.read()).hexdigest()
threads = [threading.Thread(target=read, args=(name,)) for name in os.listdir(sys.argv[1])]
for thread in threads: thread.start()
for thread in threads: thread.join()
json.dump(digests, sys.stdout)
"""


class TestNetworkGone:
    """Connections are accepted and nothing is ever answered, while 200 reads wait for it."""

    @pytest.fixture
    def gone(self, proxy, new_bucket, make_mount):
        """(mount, bodies by name below many/, the fault, the process that reads them all)."""
        name, put = new_bucket
        bodies = {f"o{index:03d}": os.urandom(300_000) for index in range(STUCK)}
        for key, body in bodies.items():
            put(f"many/{key}", body)
        put("cached", b"read before" * 30_000)
        put("other", b"never read")
        with make_mount(proxy, source=f"s3://{name}", ttl="1h", timeout="120s") as mount:
            assert (mount / "cached").read_bytes() == b"read before" * 30_000
            os.listdir(mount.point)
            assert len(os.listdir(mount / "many")) == STUCK
            fault = proxy.fault("stall")
            reader = subprocess.Popen([sys.executable, "-c", READ_ALL, mount / "many"], stdout=subprocess.PIPE)
            try:
                # More than the kernel keeps in flight in the background, than connections and than workers.
                processes.wait_until(lambda: mount.stats()["reads.waiting_reads"] >= STUCK, PATIENCE, "200 stuck reads")
                yield mount, bodies, fault, reader
            finally:
                proxy.heal()
                reader.kill()
                reader.wait(PATIENCE)

    def test_what_is_cached_answers(self, gone):
        mount, _, fault, _ = gone
        # Not from the kernel's pages: the daemon has to give it.
        with open(mount / "cached", "rb") as cached:
            os.posix_fadvise(cached.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
        for command in (["cat", mount / "cached"], ["ls", mount.point], ["ls", "-l", mount.point], ["df", mount.point]):
            processes.run(command, within=20)
        assert mount.stats()["reads.waiting_reads"] >= STUCK
        stuck = subprocess.Popen(["cat", mount / "other"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        processes.wait_until(lambda: mount.stats()["reads.waiting_reads"] > STUCK, PATIENCE, "one more")
        stuck.send_signal(signal.SIGINT)
        assert stuck.wait(20) == -signal.SIGINT

    def test_unmount_answers(self, gone):
        from harness.mount import ZARRFS

        mount, _, _, reader = gone
        # Busy, while the reader lives.
        assert processes.run([ZARRFS, "unmount", mount.point], env=mount.env, within=20, check=False).returncode != 0
        reader.kill()
        reader.wait(20)
        processes.run([ZARRFS, "unmount", mount.point], env=mount.env, within=40)
        assert mount.process.wait(40) == 0

    def test_the_stuck_reads_finish_when_it_returns(self, gone, proxy):
        mount, bodies, fault, reader = gone
        proxy.heal()
        out, _ = reader.communicate(timeout=PATIENCE)
        assert json.loads(out) == {name: hashlib.sha256(body).hexdigest() for name, body in bodies.items()}


def test_a_failure_is_remembered_for_the_second_read(proxy, make_mount):
    """The kernel asks twice for a page that failed: the reader waits one --timeout, not two. Told by the attempts at the server."""
    with make_mount(proxy, timeout=TIMEOUT) as mount:
        processes.run(["ls", "-l", mount / "v2_raw.zarr"])
        proxy.fault("status", code=500, kind="GET|HEAD", key=CHUNK)
        with pytest.raises(OSError) as caught:
            (mount / CHUNK).read_bytes()
        assert caught.value.errno == errno.EIO


def test_the_proxy_breaks_what_it_is_told(proxy, s3):
    """The harness itself: a fault that does not strike would make every test above pass."""
    import http.client

    def get(path="/bucket/raw/empty"):
        connection = http.client.HTTPConnection("127.0.0.1", proxy.port, timeout=5)
        try:
            connection.request("GET", path)
            response = connection.getresponse()
            return response.status, response.read()
        finally:
            connection.close()

    # The server refuses what is not signed; the number is its own affair.
    unsigned = get()[0]
    assert unsigned in (400, 403)
    assert proxy.count("GET", "raw/empty") == 1
    proxy.fault("status", code=503, times=1, key="raw/.*")
    assert get()[0] == 503
    assert get()[0] == unsigned
    proxy.fault("truncate", after=3, times=1)
    with pytest.raises(http.client.IncompleteRead):
        get()
    proxy.fault("reset", times=1)
    with pytest.raises(ConnectionError):
        get()
    held = proxy.fault("hold")
    asked = threading.Thread(target=get)
    asked.start()
    processes.wait_until(lambda: held.hits, 5, "the held request")
    held.release()
    asked.join(5)
    assert not asked.is_alive()
    proxy.refuse()
    with pytest.raises(ConnectionRefusedError):
        get()
    proxy.accept()
    proxy.heal()
    assert get()[0] == unsigned


def test_the_proxy_changes_answers_as_it_is_told(s3, work):
    """The harness itself, for what is done to an answer: each is seen by a client that believes all it is told."""
    import http.client
    import ssl

    authority = Authority(work / "tls")
    good, wrong, expired = authority.issue("good"), authority.issue("wrong", "DNS:elsewhere.invalid"), authority.issue("old", days=-1)
    with Proxy(s3.port, certificate=good) as proxy:

        def get():
            context = ssl.create_default_context(cafile=authority.ca)
            connection = http.client.HTTPSConnection("localhost", proxy.port, timeout=5, context=context)
            try:
                connection.request("GET", "/bucket/raw/empty", headers={"Range": "bytes=0-9"})
                response = connection.getresponse()
                return response.status, dict(response.getheaders()), response.read()
            finally:
                connection.close()

        status, head, body = get()
        assert status in (400, 403) and len(body) == int(head["Content-Length"]) > 100
        proxy.fault("reset_head", after=20, times=1)
        # A client this trusting takes the end of the line for the end of the head.
        with contextlib.suppress(ConnectionError):
            assert "Content-Length" not in get()[1]
        for action, settings, error in (
            # Below TLS a reset is told as a body that ends early.
            ("reset_body", {"after": 10}, (ConnectionError, http.client.IncompleteRead)),
            ("length", {"by": 10}, http.client.IncompleteRead),
        ):
            proxy.fault(action, times=1, **settings)
            with pytest.raises(error):
                get()
        proxy.fault("length", by=-10, times=1)
        assert get()[2] == body[:-10]
        proxy.fault("flip", times=1)
        assert get()[2] != body
        proxy.fault("drip", rate=len(body) * 2, times=1)
        assert get()[2] == body
        proxy.fault("garbage", times=1)
        assert get()[0] == 200
        assert get()[2] == body
        for certificate in (wrong, expired):
            proxy.present(certificate)
            with pytest.raises(ssl.SSLCertVerificationError):
                get()
        proxy.present(good)
        assert get()[2] == body
