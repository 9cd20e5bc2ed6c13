"""A sequence of operations by chance: on a bucket, and on a mount of it. The same for the same seed."""

import random
import time

from . import documents
from .answers import Bucket, Grid, Put
from .observer import Observer
from .telling import content

OPERATIONS = 60
PLAIN = ["a", "b", "0"]
ODD = ["a-", "a.b", "a b", "a+b", "a%20b", "a&b?c#d", "é", "日本", "~=@,;", "x" * 200, ".hidden", "zarr.json.bak"]
#: Never of a directory: a document is asked for as an object alone.
DOCUMENTS = [".zattrs", ".zgroup", "zarr.json"]
SIZES = [0, 1, 31, 100, 5000, 33_000, 100_000, 300_000]


class Sequence:
    """One seed: a bucket, its changes, and who looks at it through a mount."""

    def __init__(self, value, world, mount, time_to_live):
        self.chance = random.Random(value)
        self.world, self.bucket = world, Bucket(time_to_live)
        self.observer = Observer(mount, self.bucket)
        self.history, self.number = [], 0
        #: The key that was put last.
        self.latest = None
        self.names = PLAIN + self.chance.sample(ODD, 2)
        #: By directory: the keys of its chunks, and whether it is sharded. The one in `g` may be in consolidated metadata too.
        self.arrays = {}
        for path in self.chance.sample(["array", "g/array", "b"], self.chance.choice([0, 1, 1, 2])):
            self.arrays[path] = self.chance.choice([("dot", False), ("slash", False), ("c", False), ("c", True)])
        self.is_consolidated = self.chance.random() < 0.3
        for path in self.arrays:
            self.describe(path)
        for _ in range(self.chance.randint(3, 14)):
            self.put()

    # --- the bucket

    def change(self, key, body=None, grids=None):
        self.number += 1 if body is not None else 0
        if body is None:
            self.world.remove(key)
        else:
            self.world.put(key, body)
        put = None if body is None else Put(self.number, body, grids or {})
        self.bucket.change(time.monotonic(), key, put)
        self.latest = key if put else self.latest
        self.history.append(f"{'put' if put else 'remove'} {key!r}: {put}")

    def describe(self, path, counts=None):
        """Writes an array's document, of a size by chance."""
        keys, sharded = self.arrays[path]
        grid = Grid(keys, counts or (self.chance.randint(1, 3), self.chance.randint(1, 3)))
        name, body = documents.array(self.number + 1, grid, sharded)
        if self.is_free(f"{path}/{name}"):
            self.change(f"{path}/{name}", body, {"": grid})
        if self.is_consolidated and path.startswith("g/") and keys != "c" and self.is_free("g/.zmetadata"):
            inner = {path[2:]: grid}
            self.change("g/.zmetadata", documents.consolidated(self.number + 1, inner), inner)

    def grow(self, path):
        """As who appends: the document first, then a chunk that the old one did not know."""
        self.describe(path, (4, 4))
        self.put(f"{path}/{Grid(self.arrays[path][0], ()).key(3, self.chance.randrange(4))}")

    def put(self, key=None):
        key = key or self.new_key()
        if not self.is_free(key):
            return
        twin = self.chance.choice(list(self.bucket.now.objects.values()) or [None])
        size = self.chance.choice(SIZES)
        # The bytes of another object, sometimes: they are kept once.
        is_twin = twin and not twin.grids and self.chance.random() < 0.15
        self.change(key, twin.body if is_twin else content(key, self.number + 1, size))

    def is_free(self, key):
        """A key may not be above or below another."""
        above = [key[:index] for index, letter in enumerate(key) if letter == "/"]
        return key not in self.bucket.now.names and not any(place in self.bucket.now.objects for place in above)

    def new_key(self):
        if self.arrays and self.chance.random() < 0.5:
            path = self.chance.choice(list(self.arrays))
            if self.chance.random() < 0.15:
                return f"{path}/notes"
            return f"{path}/{Grid(self.arrays[path][0], ()).key(self.chance.randrange(4), self.chance.randrange(4))}"
        words = [self.chance.choice(self.names) for _ in range(self.chance.choice([1, 1, 2, 2, 3]))]
        path = "/".join(words[:-1] + [self.chance.choice(DOCUMENTS)] if self.chance.random() < 0.1 else words)
        return path if not any(f"{path}/".startswith(f"{array}/") for array in self.arrays) else f"other/{path}"

    # --- the operations

    def path(self):
        """Mostly of something that is there."""
        now, kind = sorted(self.bucket.now.objects), self.chance.random()
        if kind < 0.6 and now:
            return self.chance.choice(self.described() or now if kind < 0.12 else now)
        if kind < 0.7 and self.latest:
            return self.latest
        if kind < 0.75:
            return self.folder()
        if kind < 0.85 and self.bucket.past:
            earlier = sorted(self.chance.choice(self.bucket.past)[1].objects)
            return self.chance.choice(earlier or ["a"])
        path = self.new_key()
        return f"{path}/{self.chance.choice(['a', '.zgroup', '0', 'zarr.json'])}" if kind > 0.95 else path

    def described(self):
        """What readers open first."""
        return sorted(key for key, put in self.bucket.now.objects.items() if put.grids)

    def folder(self):
        return self.chance.choice(["", *sorted(self.bucket.now.names)])

    def ranges(self):
        top = self.chance.choice([1, 100, 40_000, 300_000])
        return [(self.chance.randrange(top), self.chance.choice([1, 200, 4096, 70_000])) for _ in range(self.chance.randint(1, 3))]

    def step(self):
        observer, chance = self.observer, self.chance
        number = chance.randrange(100)
        if number < 22:
            observer.stat(self.path())
        elif number < 32:
            chance.choice([observer.list, observer.scan])(self.folder() if chance.random() < 0.8 else self.path())
        elif number < 54:
            observer.read(self.path(), self.ranges() if chance.random() < 0.5 else (), chance.random() < 0.5)
        elif number < 60 and len(observer.handles) < 4:
            observer.hold(self.chance.choice(self.described() or [self.path()]) if chance.random() < 0.4 else self.path())
        elif number < 68 and observer.handles:
            observer.read_held(chance.choice(observer.handles), self.ranges(), chance.random() < 0.5)
        elif number < 70 and observer.handles:
            observer.release(chance.choice(observer.handles))
        elif number < 82:
            return self.change_something()
        elif number < 89:
            return self.wait(chance.choice([0.3, 1.1, 1.1, 2.1]))
        elif number < 92:
            observer.evict(self.folder() if chance.random() < 0.5 else self.path())
        elif number < 95:
            observer.forget()
        elif number < 97:
            is_killed = chance.random() < 0.6
            if is_killed and chance.random() < 0.1:
                # Over the commit of the index: what was cached is found again.
                self.wait(1.1 / self.bucket.time_to_live)
            observer.remount(is_killed, chance.random() < 0.5)
        else:
            observer.stat(self.path())

    def change_something(self):
        now, kind = sorted(self.bucket.now.objects), self.chance.random()
        if kind < 0.5:
            self.put(self.chance.choice(now))
        elif kind < 0.7:
            self.put()
        elif kind < 0.8 and self.arrays:
            self.chance.choice([self.describe, self.grow])(self.chance.choice(list(self.arrays)))
        elif len(now) > 1:
            self.change(self.chance.choice(now))

    def wait(self, lives):
        self.history.append(f"wait {lives:.1f} ttl")
        # None of these outlives the longest.
        if self.bucket.time_to_live * lives < 60:
            time.sleep(lives * self.bucket.time_to_live)

    def run(self):
        """What is wrong; nothing."""
        with self.observer.mount:
            self.bucket.past.clear()
            for _ in range(OPERATIONS):
                self.observer.did = ""
                try:
                    self.step()
                except AssertionError as error:
                    return f"{self.observer.did}\n  {error}"
                if self.observer.did:
                    self.history.append(self.observer.did)
            for handle in list(self.observer.handles):
                self.observer.release(handle)
        return None
