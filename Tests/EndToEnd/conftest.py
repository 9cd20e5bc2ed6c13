"""The fixtures of the end-to-end tests. All that they make lives below one temporary folder and ends with the session."""

import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
os.environ.pop("AWS_CA_BUNDLE", None)
# Whoever starts us in the background of a shell has us ignore it, and so would all that we start.
signal.signal(signal.SIGINT, signal.default_int_handler)

from harness import mount as mounting  # noqa: E402
from harness import processes  # noqa: E402
from harness.listing import SyntheticS3  # noqa: E402
from harness.mount import Mount, ROOT, ZARRFS  # noqa: E402
from harness.nginx import Nginx  # noqa: E402
from harness.proxy import Proxy  # noqa: E402
from harness.s3server import S3Server  # noqa: E402

HERE = Path(__file__).parent
ZARR2 = ROOT / ".venv-zarr2/bin/python"


def pytest_sessionstart(session):
    if not session.config.option.collectonly and not os.access(ZARRFS, os.X_OK):
        pytest.exit(f"{ZARRFS} is not there: run `make build`, or name the binary in ZARRFS", returncode=3)


@pytest.fixture(scope="session")
def session_folder():
    """The one folder of the session."""
    folder = Path(tempfile.mkdtemp(prefix="zarrfs-e2e."))
    yield folder
    for point in processes.mounts():
        if point.startswith(f"{folder}/"):
            subprocess.run(["fusermount3", "-uz", point], capture_output=True, check=False)
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def bucket(session_folder):
    """The folder of the bucket `bucket`: see stores.py."""
    folder = session_folder / "s3" / "bucket"
    examples = ROOT.parent / "shared/data/zarr_v2_examples.zarr"
    (session_folder / "s3").mkdir()
    processes.run([sys.executable, HERE / "stores.py", folder, examples], env=processes.environment(session_folder))
    return folder


@pytest.fixture(scope="session")
def s3(session_folder, bucket):
    with S3Server(bucket.parent, session_folder) as server:
        yield server


@pytest.fixture(scope="session")
def nginx(session_folder, bucket):
    with Nginx(bucket, session_folder / "nginx") as server:
        yield server


@pytest.fixture
def proxy(s3):
    """In front of the S3 server; a fresh one for each test."""
    with Proxy(s3.port) as proxy:
        yield proxy


@pytest.fixture
def work(session_folder, request):
    """A folder for one test."""
    folder = Path(tempfile.mkdtemp(prefix="t.", dir=session_folder))
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def small_disk(work):
    """A file system of 24 MiB for the cache, where we may mount one."""
    folder = work / "disk"
    folder.mkdir()
    made = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=24m,mode=700", "tmpfs", folder], capture_output=True, check=False)
    if made.returncode:
        pytest.skip("only root may mount a small disk")
    yield folder
    subprocess.run(["umount", "-l", folder], check=True)


@pytest.fixture(autouse=True)
def freed(request):
    """Ends the mounts of a test that is stuck in one, before pytest's own limit: a reader inside the kernel hears no signal."""
    marks = []

    def free():
        for mount in list(mounting.LIVE):
            marks.append(mount.point)
            mount.discard()

    marked = request.node.get_closest_marker("timeout")
    limit = threading.Timer(marked.args[0] - 15 if marked else 105, free)
    if not os.environ.get("ZARRFS_STRESS"):
        limit.daemon = True
        limit.start()
    yield
    limit.cancel()
    for mount in list(mounting.LIVE):
        mount.discard()
    assert not marks, f"stuck in {marks}"


@pytest.fixture(autouse=True)
def unreported():
    """Under scripts/sanitize: whatever the sanitizer reported of a process of this test fails it."""
    yield
    folder = os.environ.get("SANITIZER_REPORTS")
    reports = [path.read_text(errors="replace") for path in sorted(Path(folder).iterdir())] if folder else []
    assert not reports, "the sanitizer reported:\n" + "\n".join(reports)


@pytest.fixture
def make_mount(work):
    """make_mount(server, source="s3://bucket", **options): a Mount, not started. One cache for the test unless told."""
    made = []

    def make(server=None, source="s3://bucket", cache=None, env=None, within=(), **options):
        if server is not None and source.startswith("s3://"):
            options = {"endpoint_url": server.url, "region": "us-east-1", **options}
        made.append(None)
        return Mount(source, work / f"mnt{len(made)}", cache or work / "cache", work, env=env, within=within, **options)

    return make


@pytest.fixture
def new_bucket(session_folder, s3, request):
    """A fresh bucket on the S3 server for tests that change objects: (name, put(key, bytes))."""
    folder = Path(tempfile.mkdtemp(prefix="b-", dir=s3.root))
    name = f"changing-{os.urandom(4).hex()}"
    folder.rename(folder.with_name(name))
    (s3.root / name).chmod(0o755)

    def put(key, body):
        s3.put(f"{name}/{key}", body)

    yield name, put
    shutil.rmtree(s3.root / name, ignore_errors=True)


def reader_command(reader, stores, python=None):
    return [python or sys.executable, "-W", "ignore", HERE / "readers.py", reader, *stores]


@pytest.fixture(scope="session")
def read_stores(session_folder):
    """read_stores(reader, stores, python=None): what readers.py saw, as a dictionary; raises where it raised."""

    def read(reader, stores, python=None, within=90):
        result = processes.run(reader_command(reader, stores, python), env=processes.environment(session_folder), within=within)
        return json.loads(result.stdout)

    return read


@pytest.fixture(scope="session")
def try_reading(session_folder):
    """try_reading(reader, store, python=None): (exit code, what it printed on standard error)."""

    def read(reader, store, python=None, within=90):
        result = processes.run(
            reader_command(reader, [store], python), env=processes.environment(session_folder), within=within, check=False
        )
        return result.returncode, result.stderr.decode(errors="replace")

    return read


def digest(path):
    with open(path, "rb") as body:
        return hashlib.file_digest(body, "sha256").hexdigest()


def tree(folder):
    """{relative path: sha256} of every file below."""
    folder = Path(folder)
    return {
        os.path.relpath(os.path.join(here, name), folder): digest(os.path.join(here, name))
        for here, _, files in os.walk(folder, onerror=_raise)
        for name in files
    }


def _raise(error):
    raise error


@pytest.fixture(scope="session")
def source_tree(bucket):
    return tree(bucket)


__all__ = ["SyntheticS3", "digest", "tree", "ZARR2"]
