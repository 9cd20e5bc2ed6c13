"""Nobody gets in: hostile keys, other users, secrets, and places that somebody else could exchange (docs/security.md)."""

import os
import re
import stat
import subprocess
from pathlib import Path

import pytest

from harness import processes
from harness.keys import KeyedS3
from harness.mount import PATIENCE, ZARRFS

NOBODY = 65534
ESCAPES = b"\x1b]0;owned\x07\x1b[31mred"

#: Keys that are a file's name as they stand, with what the file holds.
PLAIN = {
    b"d/newline\nzarrfs: error forged": b"1",
    b"d/" + ESCAPES: b"2",
    b"d/tab\there": b"3",
    b"d/Case": b"4",
    b"d/case": b"5",
    "d/\u00e9".encode(): b"composed",
    "d/e\u0301".encode(): b"decomposed",
    b"d/\xff\xfe not UTF-8": b"6",
    b"d/...": b"7",
    b"d/..a": b"8",
    b"d/back\\slash": b"9",
    b"d/%2e%2e%2fetc": b"10",
    b"d/ leading and trailing ": b"11",
    b"d/" + b"n" * 255: b"12",
    b"d/" + b"/".join([b"deep" * 20] * 12): b"13",
}

#: Keys that can be no file's name: hidden and counted.
HIDDEN = [
    b"d/.", b"d/..", b"d/../../../etc/passwd", b"d/./x", b"d//double", b"d/x//", b"/leading", b"/", b"..", b"../up", b".",
    b"d/nul\x00byte", b"d/" + b"n" * 256, b"d/" + b"k" * 1000 + b"/x",
]  # fmt: skip

#: Listed though they do not lie below what was asked.
FOREIGN = [b"elsewhere/secret", b"d", b"e/", b"../d/x", b"/d/x", b""]


@pytest.fixture
def hostile():
    with KeyedS3({**PLAIN, **{key: b"hidden" for key in HIDDEN}}, FOREIGN) as server:
        yield server


def walk(point):
    """Every file below, by its path as bytes, with its content."""
    found = {}

    def fail(error):
        raise error

    for here, _, files in os.walk(os.fsencode(point), onerror=fail):
        for name in files:
            path = os.path.join(here, name)
            with open(path, "rb") as file:
                found[os.path.relpath(path, os.fsencode(point))] = file.read()
    return found


def test_hostile_keys_are_names_or_hidden(hostile, make_mount):
    with make_mount(hostile, no_sign_request=True, log_level="debug") as mount:
        found = walk(mount.point)
        assert found == PLAIN
        for key in HIDDEN:
            if b"\x00" in key:
                continue
            # The kernel itself resolves dots and slashes: never to anything outside.
            path = os.path.join(os.fsencode(mount.point), key.lstrip(b"/"))
            real = os.path.realpath(path)
            if real.startswith(os.fsencode(mount.point)) and os.path.isfile(real):
                assert os.path.relpath(real, os.fsencode(mount.point)) in PLAIN
        assert mount.stats()["names.hidden_names"] > 0
        # Cached by number, whatever the key is.
        for path in mount.cache.rglob("*"):
            assert re.fullmatch(r"[0-9a-z.\-]+", path.name), path
        log = mount.log.read_bytes()
    assert ESCAPES not in log and b"\x1b" not in log
    assert not [line for line in log.split(b"\n") if line.startswith(b"zarrfs: error forged")]
    # Only keys that are there, or that a reader of these names asks for, were asked of the server, and as they stand.
    for _, key, _ in hostile.asked:
        assert b".." not in key.split(b"/"), key


def test_hostile_keys_in_error_texts_are_escaped(hostile, make_mount):
    with make_mount(hostile, no_sign_request=True, timeout="1s", ttl="0s") as mount:
        names = os.listdir(os.fsencode(mount / "d"))
        hostile.objects.clear()
        for name in names:
            try:
                with open(os.path.join(os.fsencode(mount / "d"), name), "rb") as file:
                    file.read()
            except OSError:
                pass
        log = mount.log.read_bytes()
    assert b"\x1b" not in log
    assert not [line for line in log.split(b"\n") if line.startswith(b"zarrfs: error forged")]


def test_a_listing_of_other_keys_adds_nothing(make_mount):
    with KeyedS3({b"p/a": b"1", b"q/b": b"2"}, [b"q/b", b"q/", b"p", b"p/..", b"P/a", b""]) as server:
        with make_mount(server, source="s3://bucket/p", no_sign_request=True) as mount:
            assert walk(mount.point) == {b"a": b"1"}


@pytest.mark.skipif(os.geteuid() != 0, reason="becomes another user")
def test_other_users_see_nothing_without_allow_other(s3, bucket, make_mount):
    def as_nobody(*command):
        return subprocess.run(
            ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups", *map(str, command)],
            capture_output=True, text=True, check=False,
        )  # fmt: skip

    with make_mount(s3) as mount:
        open_way(mount.point)
        for command in (["ls", mount.point], ["cat", mount / "raw/big.bin"], ["cat", mount / ".zarrfs/config.json"]):
            result = as_nobody(*command)
            assert result.returncode != 0 and "Permission denied" in result.stderr, command
        # What is cached, and the log of a daemon, are the user's alone.
        assert as_nobody("ls", mount.cache).returncode != 0
    with make_mount(s3, allow_other=True, umask="077") as mount:
        open_way(mount.point)
        # `default_permissions`: the shown modes hold.
        assert as_nobody("ls", mount.point).returncode != 0
    with make_mount(s3, allow_other=True, umask="022") as mount:
        open_way(mount.point)
        assert as_nobody("ls", mount.point).stdout.splitlines() == sorted(os.listdir(bucket))
        # The control directory has what stats tell, and no more rights for others than for us.
        assert stat.S_IMODE(os.stat(mount / ".zarrfs/config.json").st_mode) & 0o222 == 0


def open_way(point):
    """Lets other users walk to the mountpoint."""
    for folder in point.parents:
        if folder.parts[1:2] == ("tmp",) or "zarrfs" in str(folder):
            if folder != Path("/tmp") and folder.exists() and os.stat(folder).st_uid == os.geteuid():
                folder.chmod(folder.stat().st_mode | 0o011)


def test_no_secret_anywhere(s3, proxy, make_mount, work):
    """At the loudest level, over working and failing requests: logs, statistics, configuration, index, command line."""
    secrets = [processes.SECRET_KEY, "sessiontokenthatnobodymaysee"]
    env = {"AWS_SECRET_ACCESS_KEY": secrets[0]}
    with make_mount(proxy, log_level="debug", timeout="1s", ttl="0s", env=env) as mount:
        (mount / "raw/big.bin").read_bytes()
        proxy.fault("status", code=403)
        with pytest.raises(OSError):
            (mount / "raw/not asked before").read_bytes()
        shown = [
            subprocess.run([ZARRFS, "stats", mount.point, *more], env=mount.env, capture_output=True, check=True).stdout
            for more in ([], ["--json"])
        ]
        shown.append((mount / ".zarrfs/config.json").read_bytes())
        shown.append(Path(f"/proc/{mount.process.pid}/cmdline").read_bytes())
        children = subprocess.run(["ps", "-eo", "args"], capture_output=True, check=True).stdout
        shown.append(children)
    shown += [path.read_bytes() for path in mount.cache.rglob("*") if path.is_file()]
    shown.append(mount.log.read_bytes())
    token = {"AWS_SESSION_TOKEN": secrets[1]}
    refused = subprocess.run(
        [ZARRFS, "mount", "s3://bucket", work / "no", "--endpoint-url", s3.url, "--region", "us-east-1", "--foreground",
         "--cache-dir", work / "c2", "--log-level", "debug"],
        env={**mount.env, **token, "AWS_SECRET_ACCESS_KEY": "wrongsecretofmine"}, capture_output=True, check=False,
    )  # fmt: skip
    assert refused.returncode == 1
    shown += [refused.stdout, refused.stderr]
    for text in shown:
        for secret in [*secrets, "wrongsecretofmine"]:
            assert secret.encode() not in text
        assert b"X-Amz-Signature" not in text and b"Signature=" not in text


def test_a_password_in_a_source_is_not_shown(nginx, make_mount, work):
    source = nginx.url.replace("http://", "http://user:passw0rdofmine@") + "/?sig=shared4ccess"
    with make_mount(source=source, log_level="debug") as mount:
        (mount / "raw/big.bin").read_bytes()
        shown = [(mount / ".zarrfs/config.json").read_bytes(), Path("/proc/self/mountinfo").read_bytes()]
    shown.append(mount.log.read_bytes())
    shown += [path.read_bytes() for path in mount.cache.rglob("*") if path.is_file()]
    for text in shown:
        assert b"passw0rdofmine" not in text and b"shared4ccess" not in text


def test_credentials_do_not_cross_a_network_in_the_clear(work, env_of, tmp_mount):
    for source, more in [
        ("s3://bucket", ["--endpoint-url", "http://192.0.2.1:9000", "--region", "us-east-1"]),
        ("http://user:passw0rd@192.0.2.1/data", []),
    ]:
        result = subprocess.run(
            [ZARRFS, "mount", source, tmp_mount, "--cache-dir", work / "cache", *more],
            env=env_of, capture_output=True, text=True, check=False, timeout=PATIENCE,
        )  # fmt: skip
        assert result.returncode == 1
        assert "--allow-insecure-auth" in result.stderr and "192.0.2.1" in result.stderr
        assert "passw0rd" not in result.stderr


@pytest.fixture
def env_of(work):
    return processes.environment(work, **processes.CREDENTIALS)


@pytest.fixture
def tmp_mount(work):
    point = work / "point"
    point.mkdir()
    return point


def test_a_redirect_gets_no_credentials(make_mount):
    """A server that sends its client elsewhere: the other one sees the request, without signature or token."""
    import http.server
    import threading

    seen = []

    class Elsewhere(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            seen.append({name.lower(): value for name, value in self.headers.items()})
            self.send_response(403)
            self.send_header("Content-Length", "0")
            self.end_headers()

        do_HEAD = do_GET

        def log_message(self, *_):
            pass

    other = http.server.ThreadingHTTPServer(("127.0.0.2", 0), Elsewhere)
    address = f"http://127.0.0.2:{other.server_address[1]}"

    class Redirecting(Elsewhere):
        def do_GET(self):
            redirected.append(self.headers.get("Authorization"))
            self.send_response(307)
            self.send_header("Location", address + self.path)
            self.send_header("Content-Length", "0")
            self.end_headers()

        do_HEAD = do_GET

    redirected = []
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Redirecting)
    for each in (other, server):
        threading.Thread(target=each.serve_forever, daemon=True).start()
    try:
        here = f"127.0.0.1:{server.server_address[1]}"
        for source, options in [
            (f"http://user:passw0rd@{here}/data", {}),
            ("s3://bucket", {"endpoint_url": f"http://{here}", "region": "us-east-1"}),
        ]:
            mount = make_mount(source=source, timeout="1s", env={"AWS_SESSION_TOKEN": "tokenofmine"}, **options)
            try:
                with mount, pytest.raises(OSError):
                    (mount / "file").read_bytes()
            except AssertionError as refused:
                assert "403" in str(refused) or "redirect" in str(refused)
        assert any(redirected), "no credentials were sent at all"
        for headers in seen:
            assert "authorization" not in headers and "x-amz-security-token" not in headers
    finally:
        for each in (other, server):
            each.shutdown()
            each.server_close()


def test_no_core_and_no_debugger(s3, make_mount):
    """Credentials are in memory."""
    with make_mount(s3) as mount:
        limits = Path(f"/proc/{mount.process.pid}/limits").read_text()
        assert re.search(r"Max core file size\s+0\s+0", limits)
        # PR_SET_DUMPABLE 0: what is below /proc belongs to root, and no one else may attach.
        assert os.stat(f"/proc/{mount.process.pid}/mem").st_uid == 0


def test_files_of_the_cache_are_private(s3, make_mount):
    with make_mount(s3) as mount:
        (mount / "raw/big.bin").read_bytes()
        for path in [mount.cache, *mount.cache.rglob("*")]:
            mode = path.lstat().st_mode
            assert not stat.S_ISLNK(mode)
            assert stat.S_IMODE(mode) == (0o700 if stat.S_ISDIR(mode) else 0o600), path


@pytest.mark.skipif(os.geteuid() != 0, reason="gives files away")
@pytest.mark.parametrize("attack", ["a link as the cache", "a link on the way", "a directory of another", "open to all"])
def test_a_shared_tmp_is_no_trap(attack, s3, make_mount, work):
    shared, victim = work / "tmp", work / "victim"
    shared.mkdir()
    shared.chmod(0o1777)
    victim.mkdir()
    cache = shared / "zarrfs"
    if attack == "a link as the cache":
        cache.symlink_to(victim)
    elif attack == "a link on the way":
        cache.symlink_to(victim)
        os.lchown(cache, NOBODY, NOBODY)
        cache = cache / "inner"
    elif attack == "a directory of another":
        cache.mkdir()
        os.chown(cache, NOBODY, NOBODY)
    else:
        cache.mkdir()
        cache.chmod(0o777)
    mount = make_mount(s3, cache=cache)
    mount.point.mkdir()
    result = subprocess.run(mount.command(), env=mount.env, capture_output=True, text=True, check=False, timeout=PATIENCE)
    assert result.returncode == 1 and "--cache-dir" in result.stderr or "chmod" in result.stderr, result.stderr
    assert not list(victim.iterdir())


def test_a_link_planted_in_the_cache_is_not_followed(s3, bucket, make_mount, work):
    """Who may write into the cache is us; still no file outside is written through a link inside."""
    target = work / "target"
    target.write_text("precious")
    with make_mount(s3) as mount:
        (mount / "raw/big.bin").read_bytes()
    for path in [p for p in mount.cache.rglob("*") if p.is_file() and p.parent.name != "bodies" and p.name != "lock"]:
        if re.fullmatch(r"[0-9a-f]{16}", path.name):
            path.unlink()
            path.symlink_to(target)
    with make_mount(s3) as mount:
        assert (mount / "raw/big.bin").read_bytes() == (bucket / "raw/big.bin").read_bytes()
    assert target.read_text() == "precious"


def test_setuid_bits_do_not_count(s3, make_mount):
    with make_mount(s3, allow_other=True) as mount:
        line = next(line for line in Path("/proc/self/mountinfo").read_text().splitlines() if f" {mount.point} " in line)
    assert "nosuid" in line and "nodev" in line and line.split()[5].startswith("ro")
