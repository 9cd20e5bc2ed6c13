"""Sources that list nothing: web servers, and buckets that may be read and not listed. Zarr's documents tell what is there."""

import json
import os
import subprocess
import time

import numpy as np
import pytest
import xarray as xr
import zarr

from harness import processes
from harness.mount import PATIENCE, ZARRFS
from harness.nginx import Nginx
from harness.proxy import Proxy
from harness.s3server import S3Server

DOCUMENTS = (".zgroup", ".zarray", ".zattrs", ".zmetadata", "zarr.json")
DENIED = "<Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>"


@pytest.fixture(scope="module")
def site(session_folder):
    """A folder with one store of each kind, for servers of its own: a bucket for the one, a root for the other."""
    folder = session_folder / "site" / "site"
    folder.mkdir(parents=True)
    random = np.random.default_rng(3)
    dense = random.standard_normal((8, 10)).astype("f4")
    sparse = np.full((40, 40), -1.0, "f4")
    sparse[:4, :4] = sparse[20:24, 30:34] = 7.0
    for version in (2, 3):
        root = zarr.create_group(folder / f"v{version}.zarr", zarr_format=version, attributes={"title": "a tree"})
        fill = {"config": {"write_empty_chunks": False}, "fill_value": -1.0}
        for path, values, chunks in (("dense", dense, (4, 5)), ("deep/er/sparse", sparse, (4, 4)), ("x", np.arange(10.0), (10,))):
            dims = {(8, 10): ["y", "x"], (40, 40): ["a", "b"], (10,): ["x"]}[values.shape]
            named = {"dimension_names": dims} if version == 3 else {"attributes": {"_ARRAY_DIMENSIONS": dims}}
            array = root.create_array(path, shape=values.shape, chunks=chunks, dtype=values.dtype, **named, **fill)
            array[...] = values
        zarr.consolidate_metadata(folder / f"v{version}.zarr", zarr_format=version)
        array = zarr.create_array(
            folder / f"array{version}.zarr", shape=sparse.shape, chunks=(4, 4), dtype="f4", zarr_format=version, **fill
        )
        array[...] = sparse
    zarr.create_group(folder / "group.zarr", zarr_format=2)
    for here, folders, _ in os.walk(folder):
        for name in folders:
            os.chmod(os.path.join(here, name), 0o755)
    return folder


@pytest.fixture(scope="module")
def web(site, session_folder):
    with Nginx(site, session_folder / "site-nginx") as server:
        yield server


@pytest.fixture(scope="module")
def s3site(site, session_folder):
    with S3Server(site.parent, session_folder) as server:
        yield server


@pytest.fixture
def closed(s3site):
    """In front of it: who may read and not list."""
    with Proxy(s3site.port, bucket="site") as proxy:
        proxy.forbid_listing()
        yield proxy


def documents(folder):
    """{relative path: size} of the documents below."""
    return {
        os.path.relpath(os.path.join(here, name), folder): os.path.getsize(os.path.join(here, name))
        for here, _, files in os.walk(folder, onerror=_raise)
        for name in files
        if name in DOCUMENTS
    }


def _raise(error):
    raise error


def listed(point):
    """{relative path: size} of the files that `find` shows."""
    out = subprocess.run(["find", str(point), "-type", "f", "-printf", "%P %s\n"], capture_output=True, text=True, check=True).stdout
    return {path: int(size) for path, size in (line.rsplit(" ", 1) for line in out.splitlines())}


@pytest.fixture
def zarrfs(work):
    """zarrfs(words...): exit code, standard output, standard error."""
    env = processes.environment(work, **processes.CREDENTIALS)

    def run(*words):
        result = subprocess.run(
            [str(word) for word in (ZARRFS, *words)], env=env, capture_output=True, timeout=PATIENCE,
            stdin=subprocess.DEVNULL, check=False,
        )
        return result.returncode, result.stdout.decode(), result.stderr.decode()

    return run


@pytest.fixture(params=["http", "https", "s3"])
def mount_of(request, web, closed, make_mount):
    """mount_of(store): the store alone, mounted from one kind of source."""

    def mount(store, **options):
        if request.param == "s3":
            return make_mount(closed, source=f"s3://site/{store}", **options)
        if request.param == "https":
            return make_mount(source=f"{web.tls_url}/{store}", ca_bundle=web.ca, **options)
        return make_mount(source=f"{web.url}/{store}", **options)

    return mount


@pytest.mark.parametrize("store", ["v2.zarr", "v3.zarr", "array2.zarr", "array3.zarr", "group.zarr"])
def test_the_tree_is_shown(store, site, mount_of):
    # Whoever reads the consolidated metadata will want the coordinates too, which would then be shown.
    with mount_of(store, prefetch="off") as mount:
        shown = listed(mount.point)
        assert shown == documents(site / store)
        subprocess.run(["ls", "-lR", str(mount.point)], check=True, capture_output=True)
        subprocess.run(["du", "-a", str(mount.point)], check=True, capture_output=True)
        for path in shown:
            assert (mount / path).read_bytes() == (site / store / path).read_bytes()
    with mount_of(store, prefetch="off") as mount:
        assert listed(mount.point) == shown


@pytest.mark.parametrize("store", ["v2.zarr", "v3.zarr"])
def test_readers_see_what_is_there(store, site, mount_of):
    with xr.open_zarr(site / store) as direct:
        expected = direct.load()
    with mount_of(store) as mount:
        with xr.open_zarr(mount.point) as seen:
            xr.testing.assert_identical(seen.load(), expected)
        for path in ("dense", "deep/er/sparse", "x"):
            same = zarr.open_array(mount / path, mode="r")[...]
            assert np.array_equal(same, zarr.open_array(site / store / path, mode="r")[...])
        # Chunks are shown once they were found.
        chunk = "c/0/0" if store.startswith("v3") else "0.0"
        assert f"deep/er/sparse/{chunk}" in listed(mount.point)


@pytest.mark.parametrize("store", ["array2.zarr", "array3.zarr"])
def test_a_sparse_array_alone(store, site, mount_of):
    with mount_of(store) as mount:
        seen = zarr.open_array(mount.point, mode="r")
        # An absent chunk first.
        assert (seen[36:, 36:] == -1.0).all()
        assert np.array_equal(seen[...], zarr.open_array(site / store, mode="r")[...])


def test_netcdf_and_gdal_list_it(site, mount_of, read_stores, work):
    with mount_of("v2.zarr") as mount:
        seen = read_stores("netcdf", [mount.point])[mount.point.name]
        direct = read_stores("netcdf", [site / "v2.zarr"])["v2.zarr"]
        assert {name: value[:3] for name, value in seen.items()} == {name: value[:3] for name, value in direct.items()}
        script = "import rasterio,sys;print(rasterio.open(f'ZARR:\"{sys.argv[1]}\":/dense').read().tobytes().hex())"
        both = [
            processes.run([os.sys.executable, "-W", "ignore", "-c", script, folder], env=processes.environment(work)).stdout
            for folder in (site / "v2.zarr", mount.point)
        ]
        assert both[0] == both[1]


def test_listing_is_refused_once(site, closed, make_mount):
    with make_mount(closed, source="s3://site/v2.zarr") as mount:
        assert listed(mount.point) == documents(site / "v2.zarr")
        # At mount, to find out.
        assert closed.count("LIST") == 1
        assert mount.stats()["listing"] == "refused"


@pytest.mark.parametrize("code", [405, 501])
def test_a_server_without_listing(code, site, s3site, make_mount):
    with Proxy(s3site.port, bucket="site") as proxy:
        proxy.fault("status", kind="LIST", code=code)
        with make_mount(proxy, source="s3://site/v3.zarr") as mount:
            assert listed(mount.point) == documents(site / "v3.zarr")
            assert np.array_equal(zarr.open_array(mount / "dense")[...], zarr.open_array(site / "v3.zarr/dense")[...])


def aged(seconds):
    """Lets answers get older than that."""
    end = time.monotonic() + seconds
    processes.wait_until(lambda: time.monotonic() > end)


def first(proxy, action, **settings):
    """A fault that goes before those there are."""
    fault = proxy.fault(action, **settings)
    proxy._faults.insert(0, proxy._faults.pop())
    return fault


@pytest.mark.parametrize("stale", ["yes", "no"])
@pytest.mark.parametrize("store,path", [("v2.zarr", "deep/er/sparse"), ("v3.zarr", "deep/er/sparse"), ("array2.zarr", ""), ("array3.zarr", "")])
def test_no_fill_value_where_all_is_forbidden(store, path, stale, closed, make_mount):
    """As with credentials that were withdrawn: what is in no cache raises, whatever was learned before."""
    with make_mount(closed, source=f"s3://site/{store}", ttl="1s", prefetch="off", timeout="5s", stale_if_error=stale) as mount:
        seen = zarr.open_array(mount / path, mode="r")
        assert (seen[:4, :4] == 7.0).all() and (seen[8:12, 8:12] == -1.0).all()
        fault = first(closed, "status", code=403, body=DENIED)
        for age in (0, 1.5):
            # Also when what is known of the directories has aged.
            aged(age)
            for where in ((slice(20, 24), slice(30, 34)), (slice(36, 40), slice(36, 40))):
                with pytest.raises(OSError):
                    seen[where]
        fault.release()
        aged(1.5)
        assert (seen[20:24, 30:34] == 7.0).all() and (seen[36:, 36:] == -1.0).all()


def test_data_that_may_not_be_read_is_no_fill_value(closed, make_mount):
    """Documents are public there, chunks are not."""
    first(closed, "status", kind="GET|HEAD", key=r"array2.zarr/\d+\.\d+", code=403, body=DENIED)
    with make_mount(closed, source="s3://site/array2.zarr") as mount:
        seen = zarr.open_array(mount.point, mode="r")
        with pytest.raises(PermissionError):
            seen[:4, :4]
    with make_mount(closed, source="s3://site/array2.zarr", missing_403="yes") as mount:
        assert (zarr.open_array(mount.point, mode="r")[:4, :4] == -1.0).all()


def test_missing_403_no(closed, make_mount):
    with make_mount(closed, source="s3://site/array3.zarr", missing_403="no") as mount:
        seen = zarr.open_array(mount.point, mode="r", zarr_format=3)
        assert (seen[:4, :4] == 7.0).all()
        with pytest.raises(PermissionError):
            seen[36:, 36:]
        assert "zarr.json" in os.listdir(mount.point)


def test_a_listing_that_cannot_be_made_fails(web, closed, make_mount):
    with make_mount(closed, source="s3://site/v2.zarr", timeout="1s") as mount:
        first(closed, "status", key="v2.zarr/deep/er/sparse/.zarray", code=503)
        assert sorted(os.listdir(mount.point))
        with pytest.raises(OSError):
            os.listdir(mount / "deep/er")
    with make_mount(source=f"{web.url}/forbidden", timeout="1s") as mount:
        with pytest.raises(PermissionError):
            os.listdir(mount.point)


def test_metadata_that_lies(site, web, make_mount):
    """Nodes that are not there are not shown, and nothing leads out."""
    folder = site / "liar.zarr"
    (folder / "real").mkdir(parents=True)
    array = json.dumps({"zarr_format": 2, "shape": [4], "chunks": [2], "dtype": "<i4", "compressor": None, "fill_value": 9,
                        "order": "C", "filters": None})
    (folder / ".zgroup").write_text('{"zarr_format": 2}')
    (folder / "real/.zarray").write_text(array)
    (folder / "real/0").write_bytes(b"\1\0\0\0\2\0\0\0")
    names = ["gone/.zarray", "gone/too/.zarray", "../group.zarr/.zgroup", "/etc/.zgroup", "a//b/.zarray", "real/0/.zarray",
             "x" * 300 + "/.zarray", "real/../real/.zarray", "./.zarray", "real/.zattrs"]
    metadata = {name: json.loads(array) if name.endswith(".zarray") else {"zarr_format": 2} for name in names}
    metadata |= {"real/.zarray": json.loads(array), ".zgroup": {"zarr_format": 2}}
    (folder / ".zmetadata").write_text(json.dumps({"zarr_consolidated_format": 1, "metadata": metadata}))
    with make_mount(source=f"{web.url}/liar.zarr", prefetch="off") as mount:
        assert listed(mount.point) == documents(folder)
        assert sorted(os.listdir(mount.point)) == [".zgroup", ".zmetadata", "real"]
        assert not (mount / "real/.zattrs").exists()
        # What is said to be a node there is a chunk, and its absent neighbour is absent.
        assert zarr.open_array(mount / "real", mode="r")[...].tolist() == [1, 2, 9, 9]


def test_tree_and_warm(site, web, closed, make_mount, zarrfs):
    def nodes(*words):
        code, out, err = zarrfs("tree", *words, "--json")
        assert code == 0, err
        return {node["path"]: {k: v for k, v in node.items() if not k.startswith("cached")} for node in json.loads(out)["nodes"]}

    remote = ("--endpoint-url", closed.url, "--region", "us-east-1")
    for store in ("v2.zarr", "v3.zarr", "array2.zarr", "array3.zarr"):
        expected = nodes(site / store)
        assert nodes(f"{web.url}/{store}") == nodes(f"s3://site/{store}", *remote) == expected
        with make_mount(closed, source=f"s3://site/{store}") as mount:
            assert nodes(mount.point) == expected
    assert nodes("s3://site/group.zarr", *remote)[""]["unlisted"] is True
    with make_mount(closed, source="s3://site/group.zarr") as mount:
        assert nodes(mount.point)[""]["unlisted"] is True
    with make_mount(closed, source="s3://site/array3.zarr", prefetch="off") as mount:
        code, out, err = zarrfs("warm", mount.point)
        assert code == 0, err
        assert "up to 100 chunks" in out and "97 do not exist" in out
