"""What a mount may answer: the bucket as it is, and as it was at most a time to live ago. Pure; times are given."""

import dataclasses
import re

FOLDER, ABSENT = "a directory", "absent"


@dataclasses.dataclass(frozen=True, eq=False)
class Put:
    """One version of one object. `grids`: of a metadata document, the arrays it tells of, by their paths from its directory."""

    number: int
    body: bytes
    grids: dict = dataclasses.field(default_factory=dict)

    def __repr__(self):
        return f"#{self.number} of {len(self.body)}"


@dataclasses.dataclass(frozen=True)
class Grid:
    """Chunks of two dimensions. `keys`: dot (`0.1`), slash (`0/1`), or c (`c/0/1`)."""

    keys: str
    counts: tuple

    def key(self, row, column):
        return f"{row}.{column}" if self.keys == "dot" else ("c/" if self.keys == "c" else "") + f"{row}/{column}"

    def tells(self, path):
        """What the document says of a path below the array: FOLDER (by construction), ABSENT (beyond the edge), or nothing."""
        words = path.split("." if self.keys == "dot" else "/")
        if self.keys == "c" and words.pop(0) != "c":
            return None
        if len(words) > 2 or (self.keys == "dot" and len(words) < 2) or not all(re.fullmatch("0|[1-9][0-9]*", w) for w in words):
            return None
        if any(int(word) >= count for word, count in zip(words, self.counts)):
            return ABSENT
        return FOLDER if len(words) < 2 else None


class Tree:
    """The objects at one moment."""

    def __init__(self, objects):
        self.objects = objects
        self.names = {}
        for key in objects:
            while key:
                folder, _, name = key.rpartition("/")
                self.names.setdefault(folder, set()).add(name)
                key = folder
        self.grids = {
            _joined(key.rpartition("/")[0], path): (path, grid)
            for key, put in objects.items()
            for path, grid in put.grids.items()
        }

    def shape(self, path):
        return FOLDER if path in self.names or not path else self.objects.get(path, ABSENT)


class Bucket:
    """The trees that were, each with the time at which it ended to be."""

    def __init__(self, time_to_live):
        self.time_to_live, self.past, self.now = time_to_live, [], Tree({})

    def change(self, at, key, put=None):
        """`put` None: the object is gone. `at`: a time when it has happened."""
        objects = {other: value for other, value in self.now.objects.items() if other != key}
        if put:
            objects[key] = put
        self.past.append((at, self.now))
        self.now = Tree(objects)

    def since(self, oldest):
        """What may be answered from knowledge that is not older."""
        return Answers(self, oldest)

    def trees(self, oldest):
        return [tree for until, tree in self.past if until > oldest] + [self.now]


class Answers:
    def __init__(self, bucket, oldest):
        self.trees = bucket.trees(oldest)
        self._ever = bucket.trees(float("-inf"))

    def shapes(self, path):
        """What a lookup may show: Puts, FOLDER, ABSENT."""
        shapes = {tree.shape(path) for tree in self.trees}
        told = {tell for tree in self.trees for tell in _told(tree, path)}
        if ABSENT in told:
            shapes.add(ABSENT)
        # What exists by construction does so for as long as the mount remembers the array.
        if any(FOLDER in _told(tree, path) for tree in self._ever):
            shapes.add(FOLDER)
        return shapes

    def names(self, folder):
        """{name: shapes} of what a listing may show; what has not ABSENT among its shapes must be shown."""
        prefix = folder and folder + "/"
        names = {name for tree in self.trees for name in tree.names.get(folder, ())}
        return {name: {tree.shape(prefix + name) for tree in self.trees} for name in names}


def _told(tree, path):
    for array, (inner, grid) in tree.grids.items():
        # A consolidated document's arrays are directories, and those above them.
        if inner and (array == path or array.startswith(path + "/")):
            yield FOLDER
        if path.startswith(array + "/"):
            words = path[len(array) + 1 :].split("/")
            for count in range(1, len(words)):
                if grid.tells("/".join(words[:count])) == ABSENT:
                    yield ABSENT
            tell = grid.tells("/".join(words))
            if tell:
                yield tell


def _joined(folder, path):
    return f"{folder}/{path}".strip("/")
