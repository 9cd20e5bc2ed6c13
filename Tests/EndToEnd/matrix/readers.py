"""The readers of the matrix: what each reads, what it is to see, and the process that reads for it, again and again."""

import dataclasses
import json
import queue
import re
import subprocess
import sys
import threading
from pathlib import Path

from harness import processes
from harness.mount import ROOT

PROGRAM = Path(__file__).parents[1] / "readers.py"
ZARR2 = ROOT / ".venv-zarr2/bin/python"


@dataclasses.dataclass(frozen=True)
class Reader:
    """`reader` is a name of readers.py; `store` is of stores.py. `struck` are keys in it, by the part that is struck."""

    name: str
    reader: str
    store: str
    python: Path = Path(sys.executable)
    #: Of the store: what is read. Nothing: the store.
    path: str = ""
    #: It takes an error of a READ for a missing chunk: nothing below it can help (docs/troubleshooting.md).
    hides: tuple = ()

    @property
    def parts(self):
        """Regular expressions over keys, relative to the store."""
        if self.store == "v2.zarr":
            return {"chunk": r"air/1\.0\.1", "coordinate": "lat/0", "document": r"(.*/)?\.z\w+"}
        if self.store == "v3.zarr":
            return {"chunk": "air/c/1/0/1", "coordinate": "lat/c/0", "document": r"(.*/)?zarr\.json"}
        return {"chunk": "c/1/1", "document": r"zarr\.json"}

    def file(self, part):
        """The file that is struck, for the parts that are one."""
        return self.parts[part].replace("\\", "")


READERS = [
    Reader("zarr 3", "zarr", "v2.zarr"),
    Reader("zarr 3 (format 3)", "zarr", "v3.zarr"),
    Reader("zarr 3 (shards)", "parts", "shards.zarr"),
    Reader("zarr 2", "zarr", "v2.zarr", ZARR2),
    Reader("zarr 2 FSStore", "fsstore", "v2.zarr", ZARR2, hides=("chunk", "coordinate", "document", "everything")),
    Reader("zarr 2 FSStore, told", "fsstore-told", "v2.zarr", ZARR2),
    Reader("xarray", "xarray", "v2.zarr"),
    Reader("tensorstore", "tensorstore", "v2.zarr"),
    Reader("tensorstore (format 3)", "tensorstore", "v3.zarr"),
    Reader("GDAL", "rasterio", "v2.zarr", hides=("coordinate",)),
    Reader("netCDF-C", "netcdf", "v2.zarr"),
    Reader("cat", "cat", "v3.zarr", path="air/c/1/0/1"),
    Reader("cp", "cp", "v2.zarr"),
]


class Stuck(Exception):
    """No answer, long after every deadline."""


class Worker:
    """One process of one reader, that reads what it is told: the start of a Python costs more than a cell."""

    def __init__(self, reader, home):
        self.reader, self.home, self.process = reader, home, None
        self._answers = queue.Queue()

    def open(self, path):
        """What is read of it later is read by what was opened now."""
        return self.read(path, word="open")

    def read(self, path, within=90, word="read"):
        """("digest", text) or ("error", text). Ends the process and raises Stuck where nothing comes."""
        if self.process is None or self.process.poll() is not None:
            self._start()
        self.process.stdin.write(f"{word} {path}\n".encode())
        self.process.stdin.flush()
        try:
            line = self._answers.get(timeout=within)
        except queue.Empty:
            self.stop()
            raise Stuck(f"{self.reader.name} reads {path} for more than {within} s") from None
        if not line:
            return "error", f"ended with {self.process.wait()}"
        answer = json.loads(line)
        return ("digest", json.dumps(answer["seen"], sort_keys=True)) if "seen" in answer else ("error", answer["error"])

    def _start(self):
        command = [self.reader.python, "-W", "ignore", PROGRAM, self.reader.reader, "-"]
        self.process = subprocess.Popen(
            [str(word) for word in command], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
            env=processes.environment(self.home), start_new_session=True,
        )  # fmt: skip
        self._answers = answers = queue.Queue()

        def listen(stream):
            for line in stream:
                answers.put(line)
            answers.put(b"")

        threading.Thread(target=listen, args=(self.process.stdout,), daemon=True).start()

    def stop(self):
        if self.process is not None:
            self.process.kill()


def short(error):
    """An error as the table shows it: its name where the text has one of the system's."""
    for text, name in (
        (r"Input/output error|\[Errno 5\]|OS error 5|: I/O error|EIO", "EIO"),
        (r"Permission denied|PERMISSION_DENIED|\[Errno 13\]", "EACCES"),
        (r"Stale file handle|\[Errno 116\]", "ESTALE"),
        (r"No such file|NOT_FOUND|FileNotFound|\[Errno 2\]", "ENOENT"),
        (r"Not a directory|\[Errno 20\]", "ENOTDIR"),
    ):
        if re.search(text, error):
            return name
    return error.split(":")[0][:24]
