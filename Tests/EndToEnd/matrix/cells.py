"""Playing the matrix: a column is one fault in one scene, with a mount and a proxy of its own; a cell is one reader in it."""

import dataclasses
import os
import re
import shutil
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from harness import processes
from harness.certificates import Authority
from harness.mount import Mount
from harness.proxy import Proxy

from .readers import READERS, Stuck, Worker, short

#: --timeout where the fault passes, and where it lasts: the reader waits that long, so it is short, yet over what a busy
#: machine takes for what does work.
PASSING, LASTING = "60s", "3s"
#: Where nothing works, a serial reader waits as long for each of its files.
LASTING_FOR_ALL = "1s"
#: Long after every deadline of zarrfs: what answers later hangs.
PATIENCE = 120
#: For a Python to start and import its reader, on a machine that does much else.
START = 300


@dataclasses.dataclass
class Cell:
    trouble: object
    scene: object
    reader: object
    outcome: str = ""
    #: Requests of this cell that were struck.
    hits: int = 0
    #: Why it is wrong; empty if it is right.
    wrong: str = ""
    detail: str = ""
    #: Of what was opened before: whose turn it is to read it.
    worker: object = None
    seen: tuple = ()
    #: The mount itself gave an error for what is struck.
    refused: bool = False
    seconds: float = 0.0

    def __str__(self):
        return f"{self.trouble.name} / {self.scene.name} / {self.reader.name}: {self.outcome} {self.wrong} {self.detail}"


class World:
    """What all columns share: the S3 server, the stores, what readers are to see, certificates, idle workers."""

    def __init__(self, s3, folder):
        self.s3, self.folder = s3, Path(folder)
        self.bucket = f"matrix-{os.urandom(4).hex()}"
        self.stores = self.folder / "stores"
        processes.run([sys.executable, "-W", "ignore", Path(__file__).with_name("stores.py"), self.stores])
        (self.s3.root / self.bucket).mkdir(mode=0o755)
        authority = Authority(self.folder / "tls")
        self.ca = authority.ca
        self.certificates = {
            "good": authority.issue("good"),
            "wrong": authority.issue("wrong", "DNS:elsewhere.invalid"),
            "expired": authority.issue("expired", days=-1),
        }
        self._lock = threading.Lock()
        self._idle, self._all, self._expected, self._made = {}, [], {}, 0

    def close(self):
        for worker in self._all:
            worker.stop()
        shutil.rmtree(self.s3.root / self.bucket, ignore_errors=True)

    def take(self, reader):
        with self._lock:
            idle = self._idle.setdefault(reader.name, [])
            if idle:
                return idle.pop()
            worker = Worker(reader, self.folder)
            self._all.append(worker)
        # Started before anything depends on it.
        known = worker.read(self.stores / "original" / reader.store / reader.path, START)
        assert known[0] == "digest", f"{reader.name} reads the local store: {known}"
        return worker

    def give_back(self, worker):
        with self._lock:
            self._idle[worker.reader.name].append(worker)

    def read(self, reader, path):
        worker = self.take(reader)
        try:
            return worker.read(path, PATIENCE)
        finally:
            self.give_back(worker)

    def expected(self, reader, version, without=None):
        """What a direct read of the local store gives; `without` is a file taken out of it."""
        with self._lock:
            known = self._expected.get((reader.name, version, without))
        if known:
            return known
        store = self.stores / version / reader.store
        if without:
            store = self.stores / f"{version}-{os.urandom(4).hex()}" / reader.store
            shutil.copytree(self.stores / version / reader.store, store)
            (store / without).unlink()
        known = self.read(reader, store / reader.path)
        assert known[0] == "digest" or (without and reader.reader in ("cat",)), f"{reader.name} reads {store}: {known}"
        with self._lock:
            self._expected[reader.name, version, without] = known
        return known

    def new_prefix(self):
        with self._lock:
            self._made += 1
            return f"c{self._made:04d}"


class Column:
    """One fault in one scene, for some readers, each with a copy of its store."""

    def __init__(self, world, trouble, scene, readers):
        self.world, self.trouble, self.scene = world, trouble, scene
        self.cells = [Cell(trouble, scene, reader) for reader in readers]
        self.prefix = world.new_prefix()
        self.work = world.folder / self.prefix
        self.struck = {}

    @property
    def is_for_all(self):
        return self.scene.part == "everything" or self.trouble.is_line

    def folder(self, reader):
        return self.world.s3.root / self.world.bucket / self.prefix / str(READERS.index(reader))

    def path(self, mount, reader):
        return mount / str(READERS.index(reader)) / reader.store

    def play(self):
        """The cells, judged."""
        for cell in self.cells:
            source = self.world.stores / "original" / cell.reader.store
            shutil.copytree(source, self.folder(cell.reader) / cell.reader.store, copy_function=os.link)
        self.work.mkdir()
        tls = self.trouble.action in ("line wrong", "line expired")
        certificate = self.world.certificates["good"] if tls else None
        options = {"ca_bundle": self.world.ca} if tls else {}
        options["timeout"] = PASSING if not self.scene.lasts else LASTING_FOR_ALL if self.is_for_all else LASTING
        if self.scene.strict:
            options["stale_if_error"] = "no"
        with Proxy(self.world.s3.port, self.world.bucket, certificate) as proxy, ThreadPoolExecutor(len(self.cells)) as pool:
            # The copies of the store are alike: who came second would not be struck.
            mount = Mount(
                f"s3://{self.world.bucket}/{self.prefix}", self.work / "mnt", self.work / "cache", self.work,
                endpoint_url=proxy.url, region="us-east-1", ttl="1s", dedup="off", **options,
            )  # fmt: skip
            with mount:
                try:
                    list(pool.map(lambda cell: self._prepare(mount, cell), self.cells))
                    self._strike(proxy)
                    list(pool.map(lambda cell: self._read(mount, proxy, cell), self.cells))
                    for cell in self.cells:
                        cell.hits = sum(fault.hits for fault in self.struck.get(cell.reader.name, ()))
                    self._heal(proxy)
                    list(pool.map(lambda cell: self._recover(mount, cell), self.cells))
                except BaseException:
                    # Frees whoever is stuck in it.
                    mount.discard()
                    raise
        shutil.rmtree(self.work, ignore_errors=True)
        # The server walks what lies in a bucket: with hundreds of columns it would do little else.
        shutil.rmtree(self.world.s3.root / self.world.bucket / self.prefix)
        return self.cells

    # --- the acts

    def _prepare(self, mount, cell):
        reader, before = cell.reader, self.scene.before
        store = self.path(mount, reader)
        for version in ("original", "changed"):
            self.world.expected(reader, version)
        if before in ("read", "changed"):
            self._until_right(cell, store / reader.path, {self.world.expected(reader, "original")})
        elif before == "opened":
            cell.worker = self.world.take(reader)
            seen = cell.worker.open(store / reader.path)
            assert seen[0] == "digest", f"{cell}: {seen}"
        if before == "changed":
            file = f"{reader.store}/{reader.file('chunk')}"
            body = (self.world.stores / "changed" / file).read_bytes()
            key = self.folder(reader) / file
            key.with_name("part").write_bytes(body)
            os.replace(key.with_name("part"), key)
        if before:
            # Over the ttl.
            threading.Event().wait(1.1)

    def _strike(self, proxy):
        trouble, times = self.trouble, None if self.scene.lasts else 2
        if trouble.is_line:
            state = trouble.action.removeprefix("line ")
            if state == "refused":
                proxy.refuse()
            else:
                proxy.present(self.world.certificates[state])
            if not self.scene.lasts:
                threading.Timer(1.0, self._heal, [proxy]).start()
            return
        for cell in self.cells:
            base = f"{self.prefix}/{READERS.index(cell.reader)}/{re.escape(cell.reader.store)}"
            if trouble.of_listings or self.scene.part == "everything":
                key = f"{base}(/.*)?"
            else:
                key = f"{base}/({cell.reader.parts[self.scene.part]})(/.*)?"
            faults = [proxy.fault(trouble.action, kind=trouble.kind, key=key, times=times, **trouble.settings)]
            if trouble.after:
                action, settings = trouble.after
                proxy.fault(action, kind=trouble.kind, key=key, **settings)
            self.struck[cell.reader.name] = faults

    def _heal(self, proxy):
        proxy.heal()
        if self.trouble.action == "line refused":
            proxy.accept()
        elif self.trouble.is_line:
            proxy.present(self.world.certificates["good"])

    def _read(self, mount, proxy, cell):
        begun = time.monotonic()
        path = self.path(mount, cell.reader)
        worker = cell.worker or self.world.take(cell.reader)
        try:
            cell.seen = worker.read(path / cell.reader.path, PATIENCE)
        except Stuck as stuck:
            cell.outcome, cell.wrong = "hangs", str(stuck)
            return
        finally:
            self.world.give_back(worker)
        cell.seconds = time.monotonic() - begun
        if self._hides(cell) and cell.seen[0] == "digest":
            cell.refused = self._refused(path, cell.reader)

    def _hides(self, cell):
        return self.scene.part in cell.reader.hides

    def _refused(self, store, reader):
        """Whether the mount itself gives an error for what is struck."""
        part = self.scene.part if self.scene.part in reader.parts else "chunk"
        names = [reader.file(part)] if part != "document" else ["air/.zattrs", ".zmetadata", "air/.zarray"]
        return any(not _readable(store / name) for name in names)

    def _recover(self, mount, cell):
        """Judges what was seen, and then: with the fault gone, whoever did not see the right values sees them."""
        if not cell.wrong:
            self._judge(cell)
        # What nobody could see was wrong has been cached as what it seemed to be.
        if not cell.wrong and not cell.outcome.startswith(("right", "altered")):
            version = "changed" if self.scene.before == "changed" else "original"
            path = self.path(mount, cell.reader) / cell.reader.path
            self._until_right(cell, path, {self.world.expected(cell.reader, version)})

    def _until_right(self, cell, path, right):
        deadline, seen = time.monotonic() + PATIENCE, None
        while time.monotonic() < deadline:
            seen = self.world.read(cell.reader, path)
            if seen in right:
                return
            threading.Event().wait(0.2)
        cell.wrong, cell.detail = "not right without any fault", f"{seen}"

    # --- the verdict

    def _judge(self, cell):
        trouble, scene, reader, world = self.trouble, self.scene, cell.reader, self.world
        kind, text = cell.seen
        old, new = world.expected(reader, "original"), world.expected(reader, "changed")
        right = {old, new} if scene.before == "changed" else {old}
        part = scene.part if scene.part in ("chunk", "coordinate") and scene.part in reader.parts else "chunk"
        absent = world.expected(reader, "original", reader.file(part))
        struck = trouble.is_line or cell.hits > 0
        if cell.seen in right:
            cell.outcome = "right"
            if scene.before == "changed" and cell.seen == old:
                cell.outcome = "old values"
            elif struck and not trouble.is_line and not scene.lasts:
                cell.outcome = "right after retry"
            elif not struck:
                cell.outcome = "right, not asked"
            if scene.before == "" and scene.part == "chunk" and not struck and not trouble.of_listings:
                cell.wrong = "the fault did not strike"
            return
        if kind == "error":
            cell.outcome, cell.detail = f"error {short(text)}", text
            if not scene.lasts and not trouble.answers:
                cell.wrong = "an error for what passes"
            elif trouble.harmless:
                cell.wrong = "an error for what does no harm"
            elif scene.is_cached and not trouble.answers and scene.part != "document":
                cell.wrong = "an error for what is cached"
            return
        if cell.seen == absent and trouble.denies:
            cell.outcome = "fill, as it says"
        elif trouble.blind or (trouble.blind_in_parts and reader.reader == "parts"):
            cell.outcome = "altered, unseen"
        elif self._hides(cell) and (cell.refused if scene.lasts else trouble.answers and cell.hits):
            cell.outcome = "fill, by the reader"
        else:
            cell.outcome = "FILL" if cell.seen == absent else "ALTERED"
            cell.wrong, cell.detail = "values that nobody has", text[:300]


def _readable(path):
    try:
        return bool(path.read_bytes()) or True
    except OSError:
        return False


def play(world, columns, jobs, done=lambda cells: None):
    """All cells of all columns, `jobs` columns at a time; each column is (trouble, scene, readers). `done` hears of each."""

    def one(column):
        cells = Column(world, *column).play()
        done(cells)
        return cells

    with ThreadPoolExecutor(jobs) as pool:
        running = [pool.submit(one, column) for column in columns]
        try:
            return [cell for column in running for cell in column.result()]
        except BaseException:
            for column in running:
                column.cancel()
            raise
