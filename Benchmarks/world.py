"""What the demo and the benchmarks share: the harness of the end-to-end tests, servers and mounts in one temporary folder."""

import contextlib
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "Tests/EndToEnd"))
os.environ.pop("AWS_CA_BUNDLE", None)

from harness import processes  # noqa: E402
from harness.s3server import S3Server, rclone  # noqa: E402

__all__ = ["ROOT", "processes", "S3Server", "rclone", "folder", "python", "drop_page_cache", "raise_on_sigterm"]


@contextlib.contextmanager
def folder(prefix):
    """A temporary folder; mounts below it are taken away first, whatever happened."""
    path = Path(tempfile.mkdtemp(prefix=prefix))
    try:
        yield path
    finally:
        for point in processes.mounts():
            if point.startswith(f"{path}/"):
                subprocess.run(["fusermount3", "-uz", point], capture_output=True, check=False)
        shutil.rmtree(path, ignore_errors=True)


def raise_on_sigterm():
    """SIGTERM unwinds like Ctrl-C, so that what was started is ended."""
    import signal

    def end(*_):
        raise SystemExit(143)

    signal.signal(signal.SIGTERM, end)


def python(code, *words, interpreter=sys.executable, within=900):
    """Runs a few lines of Python that print a number of seconds last; that number, or None with the reason on standard error."""
    result = subprocess.run(
        [str(interpreter), "-W", "ignore", "-c", code, *map(str, words)], capture_output=True, text=True, timeout=within, check=False
    )
    if result.returncode:
        print("   failed:", (result.stderr.strip().splitlines() or ["no reason"])[-1], file=sys.stderr)
        return None
    return float(result.stdout.split()[-1])


def drop_page_cache():
    """True where it was allowed."""
    return subprocess.run("sync; echo 3 > /proc/sys/vm/drop_caches", shell=True, capture_output=True, check=False).returncode == 0
