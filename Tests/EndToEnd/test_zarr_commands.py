"""zarrfs tree, warm and evict: on a remote, a directory, and a mount."""

import json
import os
import pty
import select
import stat
import subprocess

import pytest
from harness import processes
from harness.mount import PATIENCE, ZARRFS

AIR = "v3.zarr/air"
GRID = [f"c/{t}/{y}/{x}" for t in range(4) for y in range(3) for x in range(3)]


@pytest.fixture
def env(work):
    return processes.environment(work, **processes.CREDENTIALS)


@pytest.fixture
def zarrfs(env):
    """zarrfs(words...): exit code, standard output, standard error."""

    def run(*words):
        result = subprocess.run(
            [str(word) for word in (ZARRFS, *words)], env=env, capture_output=True, timeout=PATIENCE,
            stdin=subprocess.DEVNULL, check=False,
        )
        return result.returncode, result.stdout.decode(), result.stderr.decode()

    return run


def nodes(zarrfs, *words):
    code, out, err = zarrfs("tree", *words, "--json")
    assert code == 0, err
    return {node["path"]: node for node in json.loads(out)["nodes"]}


def cached_chunks(zarrfs, path):
    return nodes(zarrfs, path)[""]["cached_chunks"]


def chunk_gets(proxy, prefix):
    """Bodies of chunks below `prefix` that were fetched."""
    return [
        r for r in proxy.requests("GET")
        if r.key.startswith(prefix) and r.status in (200, 206) and not r.key.endswith((".json", ".zarray", ".zattrs", ".zgroup", ".zmetadata"))
    ]


# --- tree


def test_tree_of_a_directory(bucket, zarrfs):
    seen = nodes(zarrfs, bucket)
    air = seen["v3.zarr/air"]
    assert (air["kind"], air["zarr_format"], air["shape"], air["chunk_shape"]) == ("array", 3, [20, 45, 50], [6, 20, 20])
    assert (air["data_type"], air["dimension_names"], air["chunks"], air["shards"]) == ("float32", ["time", "lat", "lon"], 36, None)
    assert air["shard_shape"] is None and "bytes" in air["codecs"] and "cached_chunks" not in air
    old = seen["v2_dot.zarr/air"]
    assert (old["zarr_format"], old["data_type"], old["dimension_names"]) == (2, "<f4", ["time", "lat", "lon"])
    shard = seen["v3_shard.zarr"]
    assert (shard["chunk_shape"], shard["shard_shape"]) == ([4, 32, 32], [16, 64, 128])
    assert (shard["chunks"], shard["shards"]) == (8 * 4 * 4, 4)
    assert (seen["v3_scalar.zarr"]["shape"], seen["v3_scalar.zarr"]["chunks"]) == ([], 1)
    assert seen["v2_plain.zarr"]["kind"] == "group" and "v2_plain.zarr/air" in seen
    assert seen[""]["kind"] == "directory"
    # No node is below these.
    assert not [path for path in seen if path.startswith(("raw", "odd names"))]


def test_tree_is_the_same_everywhere(bucket, s3, nginx, make_mount, zarrfs):
    local = nodes(zarrfs, bucket)
    assert nodes(zarrfs, "s3://bucket", "--endpoint-url", s3.url, "--region", "us-east-1") == local
    assert nodes(zarrfs, f"file://{bucket}") == local
    # Without --dedup: the bytes that objects share are counted for one of them.
    with make_mount(s3, dedup="off") as mount:
        mounted = nodes(zarrfs, mount.point)
    for node in mounted.values():
        if node["kind"] == "array":
            assert node.pop("cached_bytes") >= node.pop("cached_chunks") >= 0
    assert mounted == local
    # Nothing can be listed there, but the consolidated metadata tells.
    web = nodes(zarrfs, f"{nginx.url}/v3.zarr")
    assert web == {path[len("v3.zarr/"):]: {**node, "path": path[len("v3.zarr/"):]} for path, node in local.items() if f"{path}/".startswith("v3.zarr/")}
    assert nodes(zarrfs, f"{nginx.url}/v3_plain.zarr")[""]["unlisted"] is True


def test_tree_asks_for_no_chunk(proxy, zarrfs):
    code, out, _ = zarrfs("tree", "s3://bucket", "--endpoint-url", proxy.url, "--region", "us-east-1")
    assert code == 0 and "float32 (time: 20, lat: 45, lon: 50), chunks (6, 20, 20), 36 chunks" in out
    assert chunk_gets(proxy, "") == []
    # One document tells of all that is in the store.
    assert proxy.count("GET", "v3.zarr/.*") == 1


def test_tree_of_what_is_none(bucket, work, zarrfs):
    code, _, err = zarrfs("tree", bucket / "raw")
    assert code == 1 and "no Zarr array or group" in err
    code, _, err = zarrfs("tree", work / "nowhere")
    assert code == 1 and "cannot be found" in err
    (work / "broken").mkdir()
    (work / "broken/zarr.json").write_text("{")
    code, _, err = zarrfs("tree", work / "broken")
    assert code == 1 and "not JSON" in err
    assert zarrfs("tree")[0] == 2


def test_tree_counts_what_is_cached(s3, make_mount, zarrfs):
    with make_mount(s3, prefetch="off") as mount:
        assert cached_chunks(zarrfs, mount / AIR) == 0
        for chunk in GRID[:2]:
            (mount / AIR / chunk).read_bytes()
        processes.wait_until(lambda: cached_chunks(zarrfs, mount / AIR) >= 2, what="two cached chunks")
        assert "cached (" in zarrfs("tree", mount / AIR)[1]


# --- warm


def test_warm_an_array(proxy, bucket, make_mount, zarrfs):
    size = sum((bucket / AIR / chunk).stat().st_size for chunk in GRID)
    with make_mount(proxy, prefetch="off", ttl="1h") as mount:
        code, out, err = zarrfs("warm", mount / AIR, "--dry-run")
        assert code == 0, err
        assert out.startswith("1 array: 36 chunks, ") and "cached" not in out
        assert chunk_gets(proxy, AIR) == []
        code, out, err = zarrfs("warm", mount / AIR, "--jobs", "4")
        assert code == 0, err
        assert "36 chunks read" in out and "100 %" in err
        assert len(chunk_gets(proxy, AIR)) == 36
        assert sum(r.sent for r in chunk_gets(proxy, AIR)) >= size
        processes.wait_until(lambda: cached_chunks(zarrfs, mount / AIR) == 36, what="36 cached chunks")
        # Goes on where it stopped: there is nothing left.
        code, out, err = zarrfs("warm", mount / AIR)
        assert code == 0 and "36 cached already" in out and "0 chunks read" in out
        assert len(chunk_gets(proxy, AIR)) == 36
        proxy.refuse()
        for chunk in GRID:
            assert (mount / AIR / chunk).read_bytes() == (bucket / AIR / chunk).read_bytes()


@pytest.mark.parametrize("store", ["v3.zarr", "v2_dot.zarr", "v2_slash.zarr"])
def test_warm_a_slab(store, proxy, make_mount, zarrfs):
    with make_mount(proxy, prefetch="off") as mount:
        # Elements 6 to 11 are the second chunk of the time axis, 45 - 1 is in the last of the latitudes.
        code, out, err = zarrfs("warm", mount / store / "air", "--select", "time=6:12", "--select", "1=-1")
        assert code == 0, err
        assert "1 array: 3 chunks, " in out
        prefix = "c/" if store.startswith("v3") else ""
        separator = "." if store == "v2_dot.zarr" else "/"
        wanted = {f"{store}/air/{prefix}" + separator.join(("1", "2", str(x))) for x in range(3)}
        assert {r.key for r in chunk_gets(proxy, f"{store}/air/")} == wanted


def test_warm_a_group(proxy, bucket, make_mount, zarrfs):
    with make_mount(proxy, prefetch="off") as mount:
        code, out, err = zarrfs("warm", mount / "v3.zarr", "--select", "time=0:6", "--dry-run")
        assert code == 0, err
        # 9 of air, and the coordinates whole: one chunk each.
        assert "4 arrays: 12 chunks" in out and "air/ 9 chunks" in out
        assert zarrfs("warm", mount / "v3.zarr", "--select", "time=0:6")[0] == 0
        assert len(chunk_gets(proxy, "v3.zarr/air/")) == 9
        assert {r.key.split("/")[1] for r in chunk_gets(proxy, "v3.zarr/")} == {"air", "time", "lat", "lon"}
        for wrong in ("depth=1:2", "9=1:2"):
            code, _, err = zarrfs("warm", mount / "v3.zarr", "--select", wrong)
            assert code == 1 and "no array has a dimension" in err
            code, _, err = zarrfs("warm", mount / AIR, "--select", wrong)
            assert code == 1 and "time, lat, lon" in err
    assert zarrfs("warm", mount.point, "--select", "time")[0] == 2
    assert zarrfs("warm", mount.point, "--jobs", "0")[0] == 2


def test_warm_a_sparse_array(proxy, bucket, make_mount, zarrfs):
    there = [p for p in (bucket / "v3_sparse.zarr/c").rglob("*") if p.is_file()]
    with make_mount(proxy, prefetch="off") as mount:
        code, out, err = zarrfs("warm", mount / "v3_sparse.zarr")
        assert code == 0, err
        assert f"1 array: {len(there)} chunks" in out and f"{100 - len(there)} more do not exist" in out
        assert len(chunk_gets(proxy, "v3_sparse.zarr/")) == len(there)


def test_warm_without_a_listing(nginx, bucket, make_mount, zarrfs):
    there = [p for p in (bucket / "v3_sparse.zarr/c").rglob("*") if p.is_file()]
    with make_mount(source=f"{nginx.url}/v3_sparse.zarr", prefetch="off") as mount:
        code, out, err = zarrfs("warm", mount.point)
        assert code == 0, err
        assert "up to 100 chunks, up to" in out
        assert f"{100 - len(there)} do not exist" in out


def test_warm_reads_whole_shards(proxy, bucket, make_mount, zarrfs):
    with make_mount(proxy, prefetch="off") as mount:
        code, out, err = zarrfs("warm", mount / "v3_shard.zarr", "--select", "0=20", "--select", "1=0")
        assert code == 0, err
        shard = bucket / "v3_shard.zarr/c/1/0/0"
        assert "1 chunk read" in out
        assert {r.key for r in chunk_gets(proxy, "v3_shard.zarr/")} == {"v3_shard.zarr/c/1/0/0"}

        def cached():
            info = json.loads((mount / f".zarrfs/inodes/{os.stat(mount / 'v3_shard.zarr/c/1/0/0').st_ino}.json").read_bytes())
            return info["cached_bytes"]

        processes.wait_until(lambda: cached() == shard.stat().st_size, what="the whole shard")


def test_warm_tells_what_failed(proxy, make_mount, zarrfs):
    with make_mount(proxy, prefetch="off", timeout="1s") as mount:
        fault = proxy.fault("status", kind="GET", key=f"{AIR}/c/0/1/2", code=500)
        code, out, err = zarrfs("warm", mount / AIR)
        assert code == 1
        assert "c/0/1/2: Input/output error" in err and "1 failed" in out and "35 chunks read" in out
        fault.release()
        processes.wait_until(lambda: zarrfs("warm", mount / AIR)[0] == 0, what="the rest")
        processes.wait_until(lambda: cached_chunks(zarrfs, mount / AIR) == 36, what="36 cached chunks")


def test_warm_shows_its_progress_at_a_terminal(proxy, make_mount, env):
    with make_mount(proxy, prefetch="off") as mount:
        fault = proxy.fault("hold", kind="GET", key=f"{AIR}/c/3/2/2")
        ours, theirs = pty.openpty()
        warm = subprocess.Popen(
            [str(ZARRFS), "warm", str(mount / AIR), "--jobs", "2"], env=env, stderr=theirs, stdout=subprocess.PIPE
        )
        os.close(theirs)
        shown = b""
        try:
            while b"35/36" not in shown:
                assert select.select([ours], [], [], PATIENCE)[0], shown
                shown += os.read(ours, 4096)
            assert b"[====" in shown and b" left" in shown and b"/s" in shown
        finally:
            fault.release()
        assert warm.wait(PATIENCE) == 0
        os.close(ours)
        assert b"36 chunks read" in warm.stdout.read()


def test_warm_needs_a_mount(bucket, zarrfs):
    code, _, err = zarrfs("warm", bucket)
    assert code == 1 and "is not in a mount of zarrfs" in err


# --- evict


def test_evict(proxy, bucket, make_mount, zarrfs):
    with make_mount(proxy, prefetch="off", ttl="1h") as mount:
        for array in (AIR, "v2_dot.zarr/air"):
            assert zarrfs("warm", mount / array)[0] == 0
            processes.wait_until(lambda: cached_chunks(zarrfs, mount / array) == 36, what="36 cached chunks")
        code, out, err = zarrfs("evict", mount / AIR / GRID[0])
        assert code == 0, err
        assert out.endswith(" evicted\n") and not out.startswith("0 B")
        assert cached_chunks(zarrfs, mount / AIR) == 35
        before = mount.stats()["cache.bodies"]
        code, out, err = zarrfs("evict", mount / "v3.zarr")
        assert code == 0, err
        assert cached_chunks(zarrfs, mount / AIR) == 0
        assert mount.stats()["cache.bodies"] <= before - 35
        # Only what was named; and not the metadata.
        assert cached_chunks(zarrfs, mount / "v2_dot.zarr/air") == 36
        assert zarrfs("evict", mount / "v3.zarr")[1] == "0 B evicted\n"
        # Warm again is read again, though the kernel has pages of it.
        proxy.forget()
        assert zarrfs("warm", mount / AIR)[0] == 0
        assert len(chunk_gets(proxy, AIR)) == 36
        for chunk in GRID:
            assert (mount / AIR / chunk).read_bytes() == (bucket / AIR / chunk).read_bytes()
        assert zarrfs("evict", mount.point)[0] == 0
        assert cached_chunks(zarrfs, mount / "v2_dot.zarr/air") == 0


def test_evict_while_it_is_read(s3, bucket, make_mount, zarrfs):
    whole = (bucket / "raw/big.bin").read_bytes()
    with make_mount(s3) as mount, open(mount / "raw/big.bin", "rb", buffering=0) as body:
        assert os.pread(body.fileno(), 1 << 20, 0) == whole[: 1 << 20]
        assert zarrfs("evict", mount / "raw/big.bin")[0] == 0
        assert os.pread(body.fileno(), len(whole), 0)[:1000] == whole[:1000]
        assert (mount / "raw/big.bin").read_bytes() == whole


def test_looking_evicts_nothing(s3, make_mount, zarrfs):
    with make_mount(s3, prefetch="off") as mount:
        (mount / AIR / GRID[0]).read_bytes()
        processes.wait_until(lambda: cached_chunks(zarrfs, mount / AIR) == 1, what="a cached chunk")
        control = mount / f".zarrfs/evict/{os.stat(mount / AIR).st_ino}.json"
        assert stat.S_IMODE(os.stat(control).st_mode) == 0o400
        processes.run(["ls", "-laR", mount / ".zarrfs"])
        assert cached_chunks(zarrfs, mount / AIR) == 1
        assert json.loads(control.read_bytes())["evicted_bytes"] > 0
        assert cached_chunks(zarrfs, mount / AIR) == 0
        assert not os.path.exists(mount / ".zarrfs/evict/424242.json")
    code, _, err = zarrfs("evict", mount.point)
    assert code == 1 and "is not in a mount of zarrfs" in err
