"""`--freshness`: how many requests a re-run costs after the ttl, counted at the server (docs/decisions/008)."""

import json
import shutil
import sys
import time

import pytest
from harness import processes
from harness.proxy import Proxy

TTL = 2
DATA = r"store/(t|air)/(c/)?\d.*"
DOCUMENT = r".*(zarr\.json|\.z(array|group|attrs|metadata))"

#: Two arrays: `t` of 4 chunks, `air` of 24; format and consolidation as told.
WRITE = """
import sys, json
import numpy as np, zarr
path, format, consolidated = sys.argv[1], int(sys.argv[2]), sys.argv[3] == "yes"
group = zarr.create_group(path, zarr_format=format)
dimensions = {"t": ["t"], "air": ["t", "x", "y"]}
for name, shape, chunks in (("t", (4,), (1,)), ("air", (4, 6, 6), (1, 2, 3))):
    more = {"dimension_names": dimensions[name]} if format == 3 else {}
    array = group.create_array(name, shape=shape, chunks=chunks, dtype="i4", **more)
    if format == 2:
        array.attrs["_ARRAY_DIMENSIONS"] = dimensions[name]
    array[...] = np.arange(np.prod(shape)).reshape(shape) + 1
if consolidated:
    zarr.consolidate_metadata(path, zarr_format=format)
"""

READ = """
import sys, json, hashlib
import numpy as np
reader, path, consolidated = sys.argv[1], sys.argv[2], sys.argv[3] == "yes"
if reader == "xarray":
    import xarray as xr
    with xr.open_zarr(path, consolidated=consolidated) as data:
        seen = {name: variable.values for name, variable in data.variables.items()}
else:
    import zarr
    group = zarr.open_group(path, mode="r", use_consolidated=consolidated)
    seen = {name: array[...] for name, array in group.arrays()}
print(json.dumps({name: np.asarray(values).tolist() for name, values in sorted(seen.items())}))
"""


@pytest.fixture
def store(new_bucket, s3):
    """(write(format, consolidated), the bucket's name, the store's folder)."""
    name, _ = new_bucket
    folder = s3.root / name / "store"

    def write(format, consolidated):
        processes.run([sys.executable, "-W", "ignore", "-c", WRITE, folder, str(format), "yes" if consolidated else "no"])

    yield write, name, folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def counted(s3, store):
    with Proxy(s3.port, bucket=store[1]) as proxy:
        yield proxy


def read(mount, reader="zarr", consolidated=False):
    """In a process of its own: nothing is remembered but by the kernel and the mount."""
    command = [sys.executable, "-W", "ignore", "-c", READ, reader, mount / "store", "yes" if consolidated else "no"]
    return json.loads(processes.run(command).stdout)


def rerun(counted, mount, *how):
    """What it saw after the ttl, the number of requests for chunks, and the documents that were asked for and exist."""
    time.sleep(TTL + 0.2)
    counted.forget()
    seen = read(mount, *how)
    # A loaded machine may take longer than the ttl, and then ask a document twice.
    documents = {r.key for r in counted.requests("HEAD|GET", DOCUMENT) if r.status < 300}
    return seen, counted.count("HEAD|GET", DATA), documents


CHUNKS, NODES = 28, 3


def test_object_asks_for_each_chunk(counted, store, make_mount):
    write, name, _ = store
    write(3, False)
    with make_mount(counted, source=f"s3://{name}", ttl=f"{TTL}s", prefetch="off") as mount:
        first = read(mount)
        seen, chunks, _ = rerun(counted, mount)
    assert seen == first
    assert chunks == CHUNKS


@pytest.mark.parametrize("format", [2, 3])
@pytest.mark.parametrize("reader,consolidated", [("zarr", False), ("xarray", False), ("xarray", True)])
def test_metadata_asks_for_documents_only(counted, store, make_mount, format, reader, consolidated):
    write, name, _ = store
    write(format, consolidated)
    with make_mount(counted, source=f"s3://{name}", ttl=f"{TTL}s", freshness="metadata") as mount:
        first = read(mount, reader, consolidated)
        seen, chunks, documents = rerun(counted, mount, reader, consolidated)
        assert seen == first
        if chunks:
            # A document that took a second to come (a loaded machine) does not vouch for what was listed meanwhile: once.
            seen, chunks, documents = rerun(counted, mount, reader, consolidated)
            assert seen == first
        assert chunks == 0
        # One per node; in v2 with its attributes, and the consolidated copy.
        assert len(documents) <= (NODES if format == 3 else 2 * NODES + 1), documents
    # A mount that has not read a document asks it first.
    time.sleep(TTL + 0.2)
    with make_mount(counted, source=f"s3://{name}", ttl=f"{TTL}s", freshness="metadata") as mount:
        counted.forget()
        assert read(mount, reader, consolidated) == first
    assert counted.count("HEAD|GET", DATA) == 0


def test_metadata_after_a_remount_without_its_reader(counted, store, make_mount):
    """A chunk is opened before anybody has read the document in this mount."""
    write, name, folder = store
    write(3, False)
    options = {"ttl": f"{TTL}s", "freshness": "metadata"}
    with make_mount(counted, source=f"s3://{name}", **options) as mount:
        read(mount)
    time.sleep(TTL + 0.2)
    with make_mount(counted, source=f"s3://{name}", **options) as mount:
        counted.forget()
        chunk = "store/air/c/1/1/1"
        assert (mount / chunk).read_bytes() == (folder.parent / chunk).read_bytes()
    assert counted.count("HEAD|GET", DATA) == 0
    assert counted.count("HEAD", "store/air/zarr.json") == 1


def test_a_rewrite_in_place_is_the_hole_of_metadata(counted, store, make_mount):
    write, name, folder = store
    write(3, False)
    seen = {}
    for freshness in "metadata", "object":
        with make_mount(counted, source=f"s3://{name}", ttl=f"{TTL}s", freshness=freshness, cache=None) as mount:
            before = read(mount)
            rewrite(folder, 1000 if freshness == "metadata" else 2000)
            seen[freshness] = before, rerun(counted, mount)[0]
    assert seen["metadata"][0]["air"] == seen["metadata"][1]["air"], "not seen: that is the bargain"
    assert seen["object"][1]["air"][0][0][0] == 2000


def rewrite(folder, value):
    code = "import sys, zarr; zarr.open_array(sys.argv[1], mode='r+')[0, 0, 0] = int(sys.argv[2])"
    processes.run([sys.executable, "-W", "ignore", "-c", code, folder / "air", str(value)])


def test_a_grown_array_is_asked_once_and_moves_no_body(counted, store, make_mount):
    write, name, folder = store
    write(3, False)
    with make_mount(counted, source=f"s3://{name}", ttl=f"{TTL}s", freshness="metadata", prefetch="off") as mount:
        first = read(mount)
        code = (
            "import sys, zarr; a = zarr.open_array(sys.argv[1], mode='r+'); "
            "a.resize((5, 6, 6)); a[4] = 7"
        )
        processes.run([sys.executable, "-W", "ignore", "-c", code, folder / "air"])
        seen, _, _ = rerun(counted, mount)
        assert seen["air"][:4] == first["air"]
        assert seen["air"][4] == [[7] * 6] * 6
        assert counted.count("HEAD", r"store/air/c/[0-3]/.*") == 24
        assert counted.count("GET", r"store/air/c/[0-3]/.*") == 0
        assert counted.count("HEAD|GET", "store/t/c/.*") == 0
        assert rerun(counted, mount)[1] == 0


def test_immutable_asks_nothing_of_what_was_seen(counted, store, make_mount):
    write, name, _ = store
    write(3, False)
    options = {"ttl": f"{TTL}s", "freshness": "immutable", "prefetch": "off"}
    with make_mount(counted, source=f"s3://{name}", **options) as mount:
        first = read(mount)
        assert rerun(counted, mount)[:2] == (first, 0)
    with make_mount(counted, source=f"s3://{name}", **options) as mount:
        counted.forget()
        assert read(mount) == first
        seen = counted.requests("HEAD|GET")
        present = [r.key for r in seen if r.status < 300]
        assert present == [], "what exists was not asked for"
