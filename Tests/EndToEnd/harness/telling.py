"""Bytes that tell in every line of 32 which object and which version they are of, so that any mix of two shows."""

import os
import random
import sys

LINE = 32


def content(key, version, size):
    name = key.rsplit("/", 1)[-1][-12:]
    return b"".join(b"%-12s %6d %11d\n" % (name.encode(), version, line) for line in range(size // LINE + 1))[:size]


def version_of(key, body, offset=0):
    """The one version that these bytes, at `offset` of an object, are of; None where they are too few to tell. An AssertionError
    where they are of none, or of two."""
    first = -offset % LINE
    if len(body) < first + LINE:
        return None
    try:
        version = int(body[first : first + LINE].split()[1])
    except (IndexError, ValueError):
        raise AssertionError(f"{key} at {offset}: no version in {body[first : first + 64]!r}") from None
    name = key.rsplit("/", 1)[-1][-12:].encode()
    start = offset // LINE
    lines = range(start, (offset + len(body)) // LINE + 1)
    skip = offset - start * LINE
    expected = b"".join(b"%-12s %6d %11d\n" % (name, version, line) for line in lines)[skip : skip + len(body)]
    assert body == expected, f"{key} at {offset}: {difference(body, expected)}"
    return version


def difference(read, expected):
    if len(read) != len(expected):
        return f"{len(read)} bytes of {len(expected)}"
    place = next(index for index, (a, b) in enumerate(zip(read, expected)) if a != b)
    start = max(0, place - LINE)
    return f"at {place}: {read[start : place + 64]!r}, not {expected[start : place + 64]!r}"


def seed(default=1):
    """ZARRFS_SEED, or the default; a new one for every run where ZARRFS_SEED is `random`. Printed, to be run again."""
    given = os.environ.get("ZARRFS_SEED", default)
    value = random.SystemRandom().randrange(1 << 31) if given == "random" else int(given)
    print(f"ZARRFS_SEED={value}", file=sys.stderr)
    return value
