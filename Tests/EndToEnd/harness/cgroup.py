"""A memory cgroup of our own, of version 2 or 1, whichever this machine lets us make."""

import os
from pathlib import Path

_V2, _V1 = Path("/sys/fs/cgroup"), Path("/sys/fs/cgroup/memory")


class Cgroup:
    """`with Cgroup(bytes) as group:` and `group.within` before a command. An OSError where none can be made."""

    def __init__(self, limit):
        self.limit = limit
        self.is_v2 = "memory" in _read(_V2 / "cgroup.controllers").split()
        self.path = (_V2 if self.is_v2 else _V1) / f"zarrfs-test-{os.getpid()}"

    def __enter__(self):
        self.path.mkdir()
        try:
            if self.is_v2:
                (self.path / "memory.max").write_text(str(self.limit))
                swap = self.path / "memory.swap.max"
                if swap.exists():
                    swap.write_text("0")
            else:
                (self.path / "memory.limit_in_bytes").write_text(str(self.limit))
        except OSError:
            self.path.rmdir()
            raise
        return self

    def __exit__(self, *_):
        self.path.rmdir()

    @property
    def within(self):
        return ["sh", "-c", 'echo $$ > "$0" && exec "$@"', str(self.path / "cgroup.procs")]

    @property
    def killed(self):
        """How many processes the kernel killed for want of memory."""
        events = _read(self.path / ("memory.events" if self.is_v2 else "memory.oom_control"))
        return sum(int(line.split()[1]) for line in events.splitlines() if line.startswith("oom_kill "))

    @property
    def anonymous(self):
        """Bytes that cannot be given back: not the page cache."""
        words = dict(line.split() for line in _read(self.path / "memory.stat").splitlines())
        return int(words["anon" if self.is_v2 else "total_rss"])


def _read(path):
    try:
        return path.read_text()
    except OSError:
        return ""
