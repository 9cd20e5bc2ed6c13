"""Lines of an fstab, by mount(8) and umount(8); the unit for systemd."""

import os
import shutil
import socket
import subprocess

import pytest
from harness import processes
from harness.mount import PATIENCE, ROOT, ZARRFS

CHUNK = "v2_raw.zarr/0.0.0"

#: In a mount namespace of its own /sbin is empty but for the link that `make install` makes, so that no helper of this
#: machine is used and none is left behind. mount(8) looks for helpers there and nowhere else.
_INSIDE = """
set -eu
mount -t tmpfs none /usr/sbin
ln -s "$ZARRFS" /usr/sbin/mount.zarrfs
trap 'umount -l "$WORK/one" "$WORK/two" 2>/dev/null || true' EXIT
"""


@pytest.fixture
def inside(work, s3):
    """inside(script): what it prints, run by sh in that namespace; the fstab is $WORK/fstab, with $WORK/one and $WORK/two."""
    if os.geteuid() != 0 or subprocess.run(["unshare", "-m", "true"], capture_output=True, check=False).returncode != 0:
        pytest.skip("needs root and a mount namespace")
    # mount(8) takes HOME away: without this the shared file would be the real root's.
    keys = work / "credentials"
    keys.write_text(
        f"[runs]\naws_access_key_id = {processes.ACCESS_KEY}\naws_secret_access_key = {processes.SECRET_KEY}\n"
    )
    for name in ("one", "two"):
        (work / name).mkdir()
    common = f"endpoint_url={s3.url},region=us-east-1,profile=runs,cache_min_free=0,log_file={work}/log"
    (work / "fstab").write_text(
        f"s3://bucket/v2_raw.zarr {work}/one zarrfs _netdev,nofail,ro,allow_other,{common},cache_dir={work}/c1 0 0\n"
        f"s3://bucket/raw {work}/two zarrfs noauto,user,_netdev,x-systemd.automount,x-systemd.idle-timeout=60,"
        f"{common},cache_dir={work}/c2,ttl=1h 0 0\n"
    )
    env = processes.environment(work, ZARRFS=str(ZARRFS), WORK=str(work), AWS_SHARED_CREDENTIALS_FILE=str(keys))

    def run(script, check=True):
        words = ["unshare", "--mount", "--propagation", "private", "sh", "-c", _INSIDE + script]
        return processes.run(words, env=env, within=4 * PATIENCE, check=check)

    return run


def test_mount_a(inside, bucket, work):
    """Mounted by `mount -a`, not twice; unmounted by umount; mounted again at once, from the cache that was left."""
    script = """
    mount -a -T "$WORK/fstab"
    cat "$WORK/one/0.0.0" > "$WORK/first"
    mount -a -T "$WORK/fstab"
    findmnt -rn -o SOURCE,FSTYPE,TARGET "$WORK/one"
    findmnt -rn -o OPTIONS "$WORK/one"
    if findmnt "$WORK/two" >/dev/null; then echo "noauto was mounted"; fi
    umount "$WORK/one"
    mount -a -T "$WORK/fstab"
    cat "$WORK/one/0.0.0" > "$WORK/second"
    umount "$WORK/one"
    if findmnt "$WORK/one" >/dev/null; then echo "still mounted"; fi
    """
    mounted, options = inside(script).stdout.decode().splitlines()
    source, kind, target = mounted.split()
    assert source.rstrip("/") == "s3://bucket/v2_raw.zarr" and kind.startswith("fuse") and target == f"{work}/one"
    assert {"ro", "nosuid", "nodev", "allow_other"} <= set(options.split(","))
    assert (work / "first").read_bytes() == (work / "second").read_bytes() == (bucket / CHUNK).read_bytes()


def test_mount_of_one_line(inside, bucket, work):
    """`mount DIR` and what systemd writes into the options; `-o remount` says what to do instead."""
    script = """
    mount -T "$WORK/fstab" "$WORK/two"
    cat "$WORK/two/empty" > "$WORK/empty"
    sha256sum < "$WORK/two/big.bin"
    cat "$WORK/two/.zarrfs/config.json"
    if mount -T "$WORK/fstab" -o remount,ro "$WORK/two" 2> "$WORK/refusal"; then echo "remounted"; fi
    ls "$WORK/two" > "$WORK/names"
    umount "$WORK/two"
    """
    out = inside(script).stdout.decode()
    assert (work / "empty").read_bytes() == b""
    assert out.startswith(processes.run(["sha256sum"], input=(bucket / "raw/big.bin").read_bytes()).stdout.decode())
    assert '"ttl_seconds":3600' in out.replace(" ", "") and "remounted" not in out
    assert "unmount it" in (work / "refusal").read_text()
    assert (work / "names").read_text().split() == sorted(os.listdir(bucket / "raw"))


def test_a_line_that_is_wrong(inside, work):
    """mount(8) ends with the helper's words and code, and nothing is mounted."""
    text = (work / "fstab").read_text()
    (work / "fstab").write_text(text.replace("cache_min_free=0", "cache_min_fre=0"))
    result = inside('mount -T "$WORK/fstab" "$WORK/one" || echo "code $?"; findmnt "$WORK/one" || echo none', check=False)
    assert result.stdout.decode().splitlines() == ["code 2", "none"]
    assert "cache-min-free" in result.stderr.decode()


def test_a_service_manager_is_told_when_the_mount_answers(s3, bucket, work, make_mount):
    """As `Type=notify` has it."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(work / "notify"))
        manager.settimeout(PATIENCE)
        mount = make_mount(s3, env={"NOTIFY_SOCKET": str(work / "notify")})
        mount.point.mkdir()
        process = processes.start(mount.command("--foreground"), mount.log, mount.env)
        try:
            assert manager.recv(100) == b"READY=1"
            assert (mount / CHUNK).read_bytes() == (bucket / CHUNK).read_bytes()
        finally:
            assert processes.stop(process) == 0


def test_the_unit_is_right(work):
    if not shutil.which("systemd-analyze"):
        pytest.skip("no systemd-analyze")
    unit = (ROOT / "mount-helpers/zarrfs@.service").read_text()
    assert "/usr/local/bin/zarrfs" in unit
    (work / "zarrfs@.service").write_text(unit.replace("/usr/local/bin/zarrfs", str(ZARRFS)))
    result = processes.run(["systemd-analyze", "verify", "--man=no", work / "zarrfs@.service"], check=False)
    assert (result.returncode, result.stderr.decode()) == (0, "")
