"""Buckets whose objects a test replaces while a mount reads them: each change happens at one moment."""

import contextlib
import os
import threading
from pathlib import Path

from .proxy import Proxy


class StillProxy(Proxy):
    """`with proxy.still():` no request is with the server meanwhile. `rclone serve s3` reads the head and the bytes of one
    answer one after the other, and of an object that changes between would send a mix of two."""

    def __init__(self, port, **settings):
        self._turn, self._answering, self._is_still = threading.Condition(), 0, False
        super().__init__(port, **settings)

    @contextlib.contextmanager
    def still(self):
        with self._turn:
            self._is_still = True
            self._turn.wait_for(lambda: self._answering == 0)
        try:
            yield
        finally:
            with self._turn:
                self._is_still = False
                self._turn.notify_all()

    def _answer(self, *request):
        with self._turn:
            self._turn.wait_for(lambda: not self._is_still)
            self._answering += 1
        try:
            return super()._answer(*request)
        finally:
            with self._turn:
                self._answering -= 1
                self._turn.notify_all()


class FolderBucket:
    """The files below a folder. Directories come and go with their files, in the same rename; numbers of inodes are not used
    again, because what is replaced is kept in `aside`."""

    def __init__(self, root, aside, still=contextlib.nullcontext):
        self.root, self.aside, self._still, self._count = Path(root), Path(aside), still, 0
        self.root.mkdir(parents=True, exist_ok=True)
        self.aside.mkdir()

    def put(self, key, body):
        target, made = self.root / key, self._name()
        old = self._name()
        if target.exists():
            os.link(target, old)
        # The topmost directory that is not there yet comes with all that is in it.
        words = []
        while not target.parent.exists():
            words.insert(0, target.name)
            target = target.parent
        made.joinpath(*words).parent.mkdir(parents=True, exist_ok=True)
        made.joinpath(*words).write_bytes(body)
        with self._still():
            os.replace(made, target)

    def remove(self, key):
        target = self.root / key
        while target.parent != self.root and len(os.listdir(target.parent)) == 1:
            target = target.parent
        with self._still():
            os.rename(target, self._name())

    def _name(self):
        self._count += 1
        return self.aside / str(self._count)
