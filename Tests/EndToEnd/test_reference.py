"""Random trees and operations through a kernel mount, against a simple model (`harness/answers.py`): what is answered was true at
most a time to live ago, bytes are of one version, an error is one that the promises name.

ZARRFS_SEED is the first of the sequences, ZARRFS_SEEDS how many; a failure tells its seed and what was done until then. Tests of
the same on the file system called directly: `Tests/FileSystemTests/ReferenceTests.swift`.
"""

import os
import random
import shutil

import pytest
from harness import processes
from harness.buckets import FolderBucket, StillProxy
from harness.memory import MemoryS3
from harness.sequence import Sequence
from harness.telling import seed


@pytest.fixture(scope="module")
def gate(s3):
    with StillProxy(s3.port) as proxy:
        yield proxy


@pytest.fixture
def play(work, s3, gate, make_mount):
    """play(seed): what is wrong with it, or nothing. `lies`: options of the mount that the model is not told of."""

    def play(value, lies=None, kind=None):
        chance = random.Random(f"world {value}")
        kind = kind or chance.choice(["s3", "memory", "file"])
        life = chance.choice([0.08, 0.08, 0.15, 3600])
        options = {
            "ttl": f"{life}s" if life >= 1 else f"{int(life * 1000)}ms",
            "prefetch": chance.choice([None, None, "off"]), "dedup": chance.choice([None, "off"]),
            "part_size": chance.choice([None, "64KiB"]), "max_object_size": chance.choice([None, None, "64KiB"]),
            "stale_if_error": "no", **(lies or {}),
        }  # fmt: skip
        place = work / str(value)
        place.mkdir()
        name, server = f"reference-{os.urandom(4).hex()}", None
        if kind == "memory":
            world = server = MemoryS3()
        elif kind == "file":
            world = FolderBucket(place / "bucket", place / "aside")
        else:
            server = gate
            world = FolderBucket(s3.root / name, place / "aside", gate.still)
        source = f"file://{place}/bucket" if kind == "file" else f"s3://{name}"
        mount = make_mount(server, source=source, cache=place / "cache", **options)
        try:
            sequence = Sequence(value, world, mount, life)
            wrong = sequence.run()
            if wrong:
                done = "\n".join(sequence.history)
                wrong = f"ZARRFS_SEED={value} ({kind}, {options})\n{done}\n{wrong}\n{processes.tail(mount.log)}"
            return wrong
        finally:
            mount.discard()
            if kind == "memory":
                server.stop()
            shutil.rmtree(s3.root / name, ignore_errors=True)
            shutil.rmtree(place, ignore_errors=True)

    return play


def play_all(play, count):
    first = seed()
    for value in range(first, first + int(os.environ.get("ZARRFS_SEEDS", count))):
        wrong = play(value)
        assert not wrong, wrong


def test_agrees_with_the_model(play):
    play_all(play, 20)


@pytest.mark.stress
def test_agrees_with_the_model_for_300_seeds(play):
    play_all(play, 300)


@pytest.mark.parametrize(
    "lies,fault",
    [
        ({"ttl": "1h"}, None),
        ({"freshness": "immutable"}, None),
        ({}, {"action": "flip", "kind": "GET"}),
        ({}, {"action": "status", "code": 404, "kind": "GET|HEAD", "key": r"(.*/)?a"}),
        ({}, {"action": "tag", "kind": "HEAD"}),
    ],
    ids=["a longer ttl", "no freshness", "flipped bits", "hidden names", "lost versions"],
)
def test_the_model_sees_what_is_wrong(play, gate, lies, fault):
    """A mount, or a remote, that does other than the model is told."""
    try:
        if fault:
            gate.fault(**fault)
        assert any(play(value, lies, "s3") for value in range(1, 16))
    finally:
        gate.heal()
