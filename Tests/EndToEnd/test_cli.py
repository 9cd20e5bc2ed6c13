"""The command line: exit codes 0, 1 and 2, and an error that says what failed, where, and what to do."""

import json
import os
import re
import subprocess
from pathlib import Path

import pytest
from harness import processes
from harness.mount import PATIENCE, ZARRFS

OPTIONS = """foreground read-only endpoint-url region profile no-sign-request request-payer ca-bundle cache-dir cache-size
cache-min-free ttl max-age max-object-size part-size max-connections prefetch memory timeout hedge stale-if-error offline uid gid
umask allow-other xattrs log-level log-file""".split()


def zarrfs(*words, env=None, within=60):
    """(exit code, standard output, standard error)."""
    result = subprocess.run(
        [str(ZARRFS), *map(str, words)], env=env, capture_output=True, timeout=within, stdin=subprocess.DEVNULL, check=False
    )
    return result.returncode, result.stdout.decode(), result.stderr.decode()


@pytest.fixture
def env(work):
    return processes.environment(work, **processes.CREDENTIALS)


@pytest.mark.parametrize("words", [["help"], ["--help"], ["help", "mount"], ["mount", "--help"], ["help", "stats"]])
def test_help_is_an_answer(words, env):
    code, out, err = zarrfs(*words, env=env)
    assert (code, err) == (0, "")
    assert "zarrfs" in out


def test_help_names_every_option(env):
    _, out, _ = zarrfs("help", "mount", env=env)
    missing = [name for name in OPTIONS if f"--{name}" not in out]
    assert missing == []


@pytest.mark.parametrize(
    "words",
    [
        [],
        ["frobnicate"],
        ["mount"],
        ["mount", "s3://bucket"],
        ["mount", "s3://bucket", "/tmp", "--frobnicate"],
        ["mount", "s3://bucket", "/tmp", "--cache-size", "many"],
        ["mount", "s3://bucket", "/tmp", "--ttl", "soon"],
        ["mount", "s3://bucket", "/tmp", "-o", "frobnicate=1"],
        ["mount", "ftp://bucket", "/tmp"],
        ["mount", "s3://bucket", "/tmp", "extra"],
        ["unmount"],
        ["stats"],
        ["stats", "/tmp", "--frobnicate"],
    ],
    ids=lambda words: " ".join(words) or "nothing",
)
def test_wrong_usage_is_2(words, env):
    code, out, err = zarrfs(*words, env=env)
    assert code == 2, err
    assert out == ""
    assert err.strip()
    # The word that was wrong is named.
    for word in ("frobnicate", "many", "soon", "ftp", "extra"):
        if any(word in w for w in words):
            assert word in err


def failing_mount(server, work, env, *words, source="s3://bucket", point=None, timeout="3s"):
    point = point or work / "mnt"
    endpoint = ["--endpoint-url", server if isinstance(server, str) else server.url, "--region", "us-east-1"] if server else []
    code, out, err = zarrfs(
        "mount", source, point, *endpoint, "--cache-dir", work / "cache", "--timeout", timeout, *words, env=env, within=90
    )
    if code == 0:
        zarrfs("unmount", point, env=env)
    assert code == 1, f"exit code {code}: {err}"
    assert out == ""
    # A reason is one sentence or a few, with no secret and no stack trace.
    assert 0 < len(err.strip().splitlines()) <= 6, err
    assert processes.SECRET_KEY not in err
    assert str(point) not in processes.mounts()
    return err


@pytest.fixture
def point(work):
    (work / "mnt").mkdir()
    return work / "mnt"


@pytest.mark.parametrize("foreground", [True, False], ids=["foreground", "daemon"])
class TestReasons:
    @pytest.fixture(autouse=True)
    def _mode(self, foreground):
        self.mode = ["--foreground"] if foreground else []

    def test_wrong_bucket(self, s3, work, env, point):
        err = failing_mount(s3, work, env, *self.mode, source="s3://no-such-bucket")
        assert "no-such-bucket" in err

    def test_no_credentials(self, s3, work, point):
        err = failing_mount(s3, work, processes.environment(work), *self.mode)
        assert "credentials" in err and "--no-sign-request" in err

    def test_wrong_secret(self, s3, work, env, point):
        err = failing_mount(s3, work, {**env, "AWS_SECRET_ACCESS_KEY": "wrong"}, *self.mode)
        assert "403" in err or "denied" in err.lower() or "signature" in err.lower()

    def test_anonymous_refused(self, s3, work, env, point):
        # This server answers 400 to what is not signed, others 403.
        err = failing_mount(s3, work, env, *self.mode, "--no-sign-request")
        assert "bucket" in err and re.search("40[03]|denied", err)

    def test_dns(self, work, env, point):
        err = failing_mount("http://no-such-host.invalid", work, env, *self.mode, "--no-sign-request")
        assert "no-such-host.invalid" in err and re.search("resolve|name|DNS", err)

    def test_refused(self, work, env, point):
        err = failing_mount(f"http://127.0.0.1:{processes.free_port()}", work, env, *self.mode)
        assert re.search("refused|connect", err)

    def test_certificate(self, nginx, work, env, point):
        err = failing_mount(None, work, env, *self.mode, source=nginx.tls_url)
        assert "certificate" in err and "--ca-bundle" in err

    def test_ca_bundle_missing(self, nginx, work, env, point):
        err = failing_mount(None, work, env, *self.mode, "--ca-bundle", "/no/such/ca.pem", source=nginx.tls_url)
        assert "/no/such/ca.pem" in err

    def test_mountpoint_missing(self, s3, work, env):
        err = failing_mount(s3, work, env, *self.mode, point=work / "nowhere")
        assert str(work / "nowhere") in err

    def test_mountpoint_is_a_file(self, s3, work, env):
        (work / "file").write_bytes(b"")
        err = failing_mount(s3, work, env, *self.mode, point=work / "file")
        assert "directory" in err

    def test_mountpoint_not_empty(self, s3, work, env, point):
        (point / "something").write_bytes(b"")
        err = failing_mount(s3, work, env, *self.mode)
        assert "empty" in err

    def test_cache_size_too_small(self, s3, work, env, point):
        err = failing_mount(s3, work, env, *self.mode, "--cache-size", "1KiB")
        assert "--cache-size" in err

    def test_cache_directory_unusable(self, s3, work, env, point):
        (work / "cache").write_bytes(b"")
        err = failing_mount(s3, work, env, *self.mode)
        assert "--cache-dir" in err


def test_already_mounted(s3, work, env, make_mount):
    with make_mount(s3) as mount:
        err = subprocess.run(
            [*mount.command(), "--cache-dir", str(work / "other")], env=env, capture_output=True, timeout=60, check=False
        )
        assert err.returncode == 1
        assert "already" in err.stderr.decode()
        assert os.listdir(mount.point), "the first mount has to go on"


def test_a_cache_in_use_names_its_holder(s3, make_mount):
    with make_mount(s3) as mount:
        second = make_mount(s3)
        second.point.mkdir()
        result = subprocess.run(second.command("--foreground"), env=second.env, capture_output=True, timeout=60, check=False)
        assert result.returncode == 1
        assert str(mount.process.pid) in result.stderr.decode()


def daemons(point):
    """The pids of processes that have the mount point in their command line."""
    found = []
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                if str(point).encode() in (folder / "cmdline").read_bytes().split(b"\0"):
                    found.append(int(folder.name))
            except OSError:
                pass
    return found


def test_daemon_mounts_answers_and_unmounts(s3, bucket, work, env, point):
    words = ["mount", "s3://bucket", point, "--endpoint-url", s3.url, "--region", "us-east-1", "--cache-dir", work / "cache"]
    try:
        code, out, err = zarrfs(*words, "--log-file", work / "log", env=env)
        assert (code, out) == (0, ""), err
        # Exit code 0 says that it answers.
        assert sorted(os.listdir(point)) == sorted(os.listdir(bucket))
        assert len(daemons(point)) == 1
        assert zarrfs("unmount", point, env=env)[0] == 0
        assert str(point) not in processes.mounts()
        processes.wait_until(lambda: not daemons(point), PATIENCE, "the daemon's end")
    finally:
        subprocess.run(["fusermount3", "-uz", str(point)], capture_output=True, check=False)
    # No secret is in its log.
    assert processes.SECRET_KEY.encode() not in b"".join(p.read_bytes() for p in work.glob("log*"))


def test_unmount_of_what_is_no_mount(work, env, point):
    code, _, err = zarrfs("unmount", point, env=env)
    assert code == 1 and str(point) in err


def test_stats_of_what_is_no_mount(work, env, point):
    code, _, err = zarrfs("stats", point, env=env)
    assert code == 1 and str(point) in err


def test_stats_for_people_and_for_programs(s3, make_mount):
    with make_mount(s3) as mount:
        (mount / "v2_raw.zarr/0.0.0").read_bytes()
        code, out, _ = zarrfs("stats", mount.point, env=mount.env)
        assert code == 0 and len(out.splitlines()) > 5
        code, out, _ = zarrfs("stats", mount.point, "--json", env=mount.env)
        assert code == 0
        before = json.loads(out)
        assert isinstance(before, dict)
        numbers = [value for value in mount.stats().values() if isinstance(value, int | float)]
        assert len(numbers) >= 10
        code, out, _ = zarrfs("stats", mount / "v2_raw.zarr/0.0.0", env=mount.env)
        assert code == 0 and "0.0.0" in out


def test_options_may_stand_in_o(s3, bucket, make_mount):
    """As an fstab line gives them."""
    mount = make_mount(None, cache_min_free=None)
    mount.point.mkdir()
    command = mount.command("-o", f"endpoint-url={s3.url},region=us-east-1,ttl=5m")
    assert subprocess.run(command, env=mount.env, timeout=60, check=False).returncode == 0
    try:
        assert sorted(os.listdir(mount.point)) == sorted(os.listdir(bucket))
    finally:
        assert zarrfs("unmount", mount.point, env=mount.env)[0] == 0


def test_a_stale_mount_is_cleared(s3, bucket, make_mount):
    first = make_mount(s3)
    first.start()
    first.kill9()
    assert first.mounted
    second = make_mount(s3)
    second.point = first.point
    with second:
        assert sorted(os.listdir(second.point)) == sorted(os.listdir(bucket))


@pytest.mark.parametrize("signal_name", ["SIGTERM", "SIGINT"])
def test_signals_unmount(signal_name, s3, make_mount):
    import signal

    mount = make_mount(s3)
    mount.start()
    mount.process.send_signal(getattr(signal, signal_name))
    assert mount.process.wait(PATIENCE) == 0
    assert not mount.mounted
    mount.discard()


def test_no_secret_in_the_command_line_or_environment_dump(s3, make_mount):
    with make_mount(s3) as mount:
        assert processes.SECRET_KEY.encode() not in Path(f"/proc/{mount.process.pid}/cmdline").read_bytes()
        assert processes.SECRET_KEY.encode() not in (mount / ".zarrfs/config.json").read_bytes()
        assert processes.SECRET_KEY.encode() not in b"".join(p.read_bytes() for p in mount.cache.rglob("*") if p.is_file())


def test_cache_commands(s3, make_mount):
    with make_mount(s3) as mount:
        (mount / "raw/big.bin").read_bytes()
        assert zarrfs("cache", "info", "--cache-dir", mount.cache, env=mount.env)[0] == 0
    cache, env = mount.cache, mount.env
    assert zarrfs("cache", "info", "--cache-dir", cache, env=env)[0] == 0
    assert zarrfs("cache", "verify", "--cache-dir", cache, env=env)[0] == 0
    assert zarrfs("cache", "clear", "--cache-dir", cache, env=env)[0] == 0
    assert mount.allocated() < 4 << 20
