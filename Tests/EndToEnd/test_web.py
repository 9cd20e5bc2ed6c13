"""The way to the server: HTTP/2 where it is offered, and the proxies that the environment names."""

import os
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from harness import processes
from harness.forward import ForwardProxy
from harness.mount import PATIENCE, ZARRFS
from harness.nginx import Nginx

from conftest import digest

CHUNK = "v2_raw.zarr/0.0.0"
PASSWORD = "hush-hush"


# --- HTTP/2


@pytest.fixture
def http2(bucket, work):
    with Nginx(bucket, work / "nginx", http2=True) as server:
        yield server


def test_http2_where_offered(http2, bucket, make_mount, read_stores):
    with make_mount(source=http2.tls_url, ca_bundle=http2.ca) as mount:
        for name in (CHUNK, "raw/big.bin", "raw/empty", "odd names/日本", "odd names/a%20b"):
            assert (mount / name).read_bytes() == (bucket / name).read_bytes(), name
        for store in ("v2_dot.zarr", "v3_shard.zarr"):
            assert read_stores("zarr", [mount / store]) == read_stores("zarr", [bucket / store])
        with pytest.raises(FileNotFoundError):
            os.stat(mount / "raw/absent")
        assert mount.stats()["remote.retries"] == 0
    seen = http2.seen()
    assert {request.protocol for request in seen} == {"HTTP/2.0"}
    assert len([request for request in seen if request.method == "GET"]) > 20


def test_http2_multiplexes(http2, bucket, make_mount):
    """64 GETs at once, of more bytes than a stream's window, over far fewer connections."""
    names = [f"v2_raw.zarr/{name}" for name in sorted(os.listdir(bucket / "v2_raw.zarr")) if name[0].isdigit()]
    with make_mount(source=http2.tls_url, ca_bundle=http2.ca, part_size="1MiB") as mount:
        # The connection is open, and known to take many streams.
        (mount / "v2_raw.zarr/.zarray").read_bytes()
        with ThreadPoolExecutor(64) as pool:
            bodies = list(pool.map(lambda name: (mount / name).read_bytes(), names))
            sums = list(pool.map(lambda _: digest(mount / "raw/big.bin"), range(4)))
        assert bodies == [(bucket / name).read_bytes() for name in names]
        assert set(sums) == {digest(bucket / "raw/big.bin")}
    gets = [request for request in http2.seen() if request.method == "GET"]
    assert {request.protocol for request in gets} == {"HTTP/2.0"}
    assert len({request.connection for request in gets}) < len(gets) / 4


# --- proxies


@pytest.fixture
def forward():
    with ForwardProxy() as proxy:
        yield proxy


SOURCES = ["http", "s3", "https"]


def source(kind, nginx, s3):
    """(SOURCE, options, the variable that names a proxy for it)"""
    return {
        "http": (nginx.url, {}, "http_proxy"),
        "https": (nginx.tls_url, {"ca_bundle": nginx.ca}, "https_proxy"),
        "s3": ("s3://bucket", {"endpoint_url": s3.url, "region": "us-east-1"}, "http_proxy"),
    }[kind]


@pytest.mark.parametrize("named", ["own", "all"])
@pytest.mark.parametrize("kind", SOURCES)
def test_the_environments_proxy_is_used(kind, named, forward, nginx, s3, bucket, make_mount):
    address, options, variable = source(kind, nginx, s3)
    env = {variable if named == "own" else "all_proxy": f"http://{forward.address}"}
    with make_mount(source=address, env=env, **options) as mount:
        assert (mount / CHUNK).read_bytes() == (bucket / CHUNK).read_bytes()
        assert digest(mount / "raw/big.bin") == digest(bucket / "raw/big.bin")
    if kind == "https":
        assert set(forward.tunnels) == {f"localhost:{nginx.tls_port}"} and not forward.forwarded
    else:
        assert any(CHUNK in url for url in forward.forwarded) and not forward.tunnels


@pytest.mark.parametrize("kind", SOURCES)
def test_no_proxy_goes_past_it(kind, forward, nginx, s3, bucket, make_mount):
    address, options, variable = source(kind, nginx, s3)
    env = {variable: f"http://{forward.address}", "no_proxy": "example.org,localhost,127.0.0.1"}
    with make_mount(source=address, env=env, **options) as mount:
        assert (mount / CHUNK).read_bytes() == (bucket / CHUNK).read_bytes()
    assert not forward.tunnels and not forward.forwarded


def everything_written(mount):
    """What the mount wrote and shows: its log, the files of its cache, its control files."""
    shown = [mount / ".zarrfs/config.json", mount / ".zarrfs/stats.json"]
    written = [path for path in (*mount.work.rglob("*.log"), *mount.cache.rglob("*")) if path.is_file()]
    return b"\n".join(path.read_bytes() for path in (*shown, *written))


@pytest.mark.parametrize("kind", SOURCES)
def test_a_login_for_the_proxy_is_shown_to_it_alone(kind, nginx, s3, bucket, make_mount):
    address, options, variable = source(kind, nginx, s3)
    with ForwardProxy(login=f"reader:{PASSWORD}") as forward:
        env = {variable: f"http://reader:{PASSWORD}@{forward.address}"}
        with make_mount(source=address, env=env, log_level="debug", **options) as mount:
            assert (mount / CHUNK).read_bytes() == (bucket / CHUNK).read_bytes()
            assert PASSWORD.encode() not in everything_written(mount)
            assert PASSWORD.encode() not in Path(f"/proc/{mount.process.pid}/cmdline").read_bytes()
        assert forward.tunnels or forward.forwarded


#: What a proxy can be wrong in.
WRONG = {
    "login": "http://reader:{password}-not@{address}",
    "scheme": "gopher://reader:{password}@{address}",
    "port": "http://reader:{password}@127.0.0.1:99999",
    "name": "http://reader:{password}@no-such-proxy.invalid:1",
    "blank": "http://reader:{password} @{address}",
    "no scheme": "reader:{password}@no-such-proxy.invalid:1",
}


@pytest.mark.parametrize("wrong", WRONG)
@pytest.mark.parametrize("kind", SOURCES)
def test_a_wrong_proxy_is_told_without_its_password(kind, wrong, nginx, s3, work):
    address, options, variable = source(kind, nginx, s3)
    (work / "mnt").mkdir()
    words = [ZARRFS, "mount", address, work / "mnt", "--foreground", "--cache-dir", work / "cache", "--timeout", "2s"]
    for name, value in options.items():
        words += ["--" + name.replace("_", "-"), value]
    with ForwardProxy(login="reader:another") as forward:
        value = WRONG[wrong].format(password=PASSWORD, address=forward.address)
        env = processes.environment(work, **processes.CREDENTIALS, **{variable: value})
        result = subprocess.run(
            [*map(str, words), "--log-level", "debug"], env=env, capture_output=True, timeout=90, check=False
        )
        assert result.returncode == 1
        said = (result.stdout + result.stderr).decode()
        assert PASSWORD not in said
        assert "http_proxy" in said, "the reason names another culprit"
        assert not forward.tunnels and not forward.forwarded


def test_a_daemon_keeps_the_environments_proxy(forward, nginx, bucket, work):
    """It is started anew, with the environment of who mounted."""
    point = work / "mnt"
    point.mkdir()
    env = processes.environment(work, http_proxy=f"http://{forward.address}")
    command = [ZARRFS, "mount", nginx.url, point, "--cache-dir", work / "cache", "--log-file", work / "log"]
    processes.run(command, env=env)
    try:
        assert (point / CHUNK).read_bytes() == (bucket / CHUNK).read_bytes()
        assert any(CHUNK in url for url in forward.forwarded)
    finally:
        processes.run([ZARRFS, "unmount", point], env=env, within=PATIENCE)
