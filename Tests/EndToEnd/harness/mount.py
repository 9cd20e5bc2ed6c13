"""A mount of the binary under test, in the foreground, with a cache directory of its own."""

import errno
import json
import os
import signal
import subprocess
import threading
from pathlib import Path

from . import processes

ROOT = Path(__file__).resolve().parents[3]
ZARRFS = Path(os.environ.get("ZARRFS") or ROOT / ".build/debug/zarrfs").absolute()

#: Mounts alive now, so that a stuck test can be freed by ending what it is stuck in (see conftest).
LIVE = set()

#: A sanitized or loaded binary is slow; deadlines are there to end a hang, not to measure.
PATIENCE = 60


class Mount:
    """`with Mount(...) as mount:` mounts, and at the end SIGTERMs and asserts a clean end.

    Options are given as keywords: ttl="1s" is --ttl 1s, offline=True is --offline. `env` adds to the environment; `within` are
    words before the command, such as those that put it into a cgroup.
    """

    def __init__(self, source, point, cache, work, env=None, within=(), **options):
        self.within = list(within)
        self.source, self.point, self.cache, self.work = source, Path(point), Path(cache), Path(work)
        self.options = {"cache_min_free": "0", **options}
        self.env = processes.environment(self.work, **{**processes.CREDENTIALS, **(env or {})})
        self.log = self.work / f"{self.point.name}.log"
        self.process = None

    def command(self, *more):
        words = [*self.within, ZARRFS, "mount", self.source, self.point, "--cache-dir", self.cache, *more]
        for name, value in self.options.items():
            flag = "--" + name.replace("_", "-")
            if value is True:
                words.append(flag)
            elif value is not None and value is not False:
                words += [flag, value]
        return [str(word) for word in words]

    # --- life

    def start(self):
        # A stale mount there is the daemon's affair; even asking whether it is a directory fails.
        if str(self.point) not in processes.mounts():
            self.point.mkdir(parents=True, exist_ok=True)
        self.process = processes.start(self.command("--foreground"), self.log, self.env)
        LIVE.add(self)

        def mounted():
            if self.process.poll() is not None:
                raise AssertionError(f"the mount ended with {self.process.returncode}:\n{processes.tail(self.log)}")
            return self.mounted and self.answering

        try:
            processes.wait_until(mounted, PATIENCE, "the mount")
        except BaseException:
            self.discard()
            raise
        return self

    @property
    def mounted(self):
        return processes.mounts().get(str(self.point), "").startswith("fuse")

    @property
    def answering(self):
        """Not what a dead daemon left, of which the kernel would still tell names and attributes, nor the bare directory below."""
        try:
            return bool(os.statvfs(self.point) and os.stat(self.point / ".zarrfs"))
        except OSError as error:
            if error.errno in (errno.ENOTCONN, errno.ENOENT):
                return False
            raise

    def stop(self):
        """SIGTERM; the daemon has to unmount and to end with 0."""
        try:
            self.process.send_signal(signal.SIGTERM)
            code = self.process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"SIGTERM did not end the mount:\n{processes.tail(self.log)}") from None
        finally:
            still = self.mounted
            self.discard()
        assert code == 0, f"the mount ended with {code}:\n{processes.tail(self.log, 200)}"
        assert not still, "the daemon ended and left its mount behind"

    def kill9(self):
        """SIGKILL, as power loss; the stale mount stays for the caller to see or to clear()."""
        self.process.kill()
        self.process.wait()

    def clear(self):
        """Takes away what a dead daemon left mounted."""
        if self.mounted:
            subprocess.run(["fusermount3", "-uz", str(self.point)], capture_output=True, check=False)

    def discard(self):
        """Ends whatever is left, never complaining."""
        LIVE.discard(self)
        if self.process and self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        self.clear()

    def __enter__(self):
        return self.start()

    def __exit__(self, kind, *_):
        if kind is not None:
            self.discard()
        elif self.process.poll() is None or self.mounted:
            self.stop()
        else:
            LIVE.discard(self)

    # --- asking it

    def __truediv__(self, name):
        return self.point / name

    def stats(self):
        """`zarrfs stats --json` as a flat dictionary: {"fetch": {"gets": 1}} is {"fetch.gets": 1}."""
        result = processes.run([ZARRFS, "stats", self.point, "--json"], env=self.env)
        return flatten(json.loads(result.stdout))

    def allocated(self):
        return allocated(self.cache)


def flatten(value, prefix=""):
    if not isinstance(value, dict):
        return {prefix: value}
    flat = {}
    for name, inner in value.items():
        flat.update(flatten(inner, f"{prefix}.{name}" if prefix else name))
    return flat


def allocated(folder):
    """Bytes on disk of everything below, as du counts them; files that go while we look count as gone."""
    total = 0
    for here, _, files in os.walk(folder):
        for name in files:
            try:
                total += os.lstat(os.path.join(here, name)).st_blocks * 512
            except OSError:
                pass
    return total


class DiskWatch(threading.Thread):
    """Samples the allocated bytes of a folder until it is stopped; `most` is the highest sample."""

    def __init__(self, folder):
        super().__init__(daemon=True)
        self.folder, self.most, self.samples = folder, 0, 0
        self._over = threading.Event()

    def run(self):
        while not self._over.wait(0.005):
            self.most = max(self.most, allocated(self.folder))
            self.samples += 1

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self._over.set()
        self.join()
