"""System calls of a daemon on its cache that fail by count: failing.c, compiled once a session and loaded by LD_PRELOAD.

No code of the daemon knows of it; SQLite's calls are counted and failed like ours.
"""

import errno
import mmap
import os
import struct
import subprocess
from pathlib import Path

OPEN, READ, WRITE, SYNC, NAME, SIZE, STAT, MAP, PUNCH = (1 << bit for bit in range(9))
ALL = 511
#: What a full disk refuses, and one that was mounted read-only. Making holes may take room for saying where they are.
GROWING = WRITE | SIZE | NAME | PUNCH
CHANGING = WRITE | SIZE | NAME | SYNC | PUNCH

SOURCE = Path(__file__).with_name("failing.c")


def compiled(folder):
    """The library, made in `folder` unless it is there."""
    library = Path(folder) / "failing.so"
    if not library.exists():
        command = ["cc", "-shared", "-fPIC", "-O1", "-Wall", "-Werror", "-o", library, SOURCE, "-ldl"]
        subprocess.run(command, check=True)
    return library


class Failing:
    """`env` goes to a Mount whose cache lies below `folder`. Calls are counted from arm() on."""

    _WORDS = struct.Struct("=6I40s")

    def __init__(self, library, folder, control):
        with open(control, "wb") as page:
            page.truncate(4096)
        with open(control, "r+b") as page:
            self._page = mmap.mmap(page.fileno(), 4096)
        # The daemon resolves its path, and so does the library compare.
        self.env = {"LD_PRELOAD": str(library), "FAILING_CONTROL": str(control), "FAILING_FOLDER": os.path.realpath(folder)}

    def arm(self, kinds=ALL, first=0, step=0, error=errno.EIO):
        """The call of number `first` (0: none, calls are counted only) fails; with `step`, every step-th from it on."""
        self._page[0 : self._WORDS.size] = self._WORDS.pack(0, first, step, error, 0, 0, b"")
        self._page[0:4] = struct.pack("=I", kinds)

    def disarm(self):
        self._page[0:4] = struct.pack("=I", 0)

    @property
    def calls(self):
        return self._WORDS.unpack_from(self._page)[4]

    @property
    def struck(self):
        """How many calls failed."""
        return self._WORDS.unpack_from(self._page)[5]

    @property
    def last(self):
        """The name of the call that failed last."""
        return self._WORDS.unpack_from(self._page)[6].rstrip(b"\0").decode()
