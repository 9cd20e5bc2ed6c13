"""Ordinary tools on a mount give what they give on the source."""

import errno
import io
import os
import subprocess
import sys
import tarfile

import pytest
from harness import processes

from conftest import digest, tree


@pytest.fixture
def mounted(s3, make_mount):
    with make_mount(s3) as mount:
        yield mount


def lines(command, cwd):
    env = {**os.environ, "LC_ALL": "C"}
    return processes.run(command, cwd=cwd, env=env).stdout.decode(errors="surrogateescape").splitlines()


def test_ls_shows_names_kinds_and_sizes(mounted, bucket):
    def rows(folder):
        """Kind, size and name of files; a directory's size and the number of its links are nobody's promise."""
        found, here = [], None
        for line in lines(["ls", "-lRA", "--time-style=+", "."], folder):
            if line.endswith(":"):
                here = line
            elif line and not line.startswith("total"):
                words = line.split(None, 5)
                found.append((here, line[0], words[4] if line[0] == "-" else None, words[5]))
        return found

    assert rows(mounted.point) == rows(bucket)


def test_find_walks_everything(mounted, bucket):
    for options in (["-type", "f"], ["-type", "d"], ["-name", "*.zarr"], ["-type", "f", "-size", "+4k"]):
        assert sorted(lines(["find", ".", *options], mounted.point)) == sorted(lines(["find", ".", *options], bucket))


def test_cat_gives_every_byte(mounted, bucket):
    for name in ("raw/big.bin", "raw/empty", "v2_dot.zarr/.zmetadata", "v3.zarr/zarr.json", "odd names/日本"):
        assert processes.run(["cat", mounted / name]).stdout == (bucket / name).read_bytes(), name


def test_md5sum_of_everything(mounted, bucket):
    command = ["bash", "-c", "find . -type f -print0 | sort -z | xargs -0 md5sum"]
    assert lines(command, mounted.point) == lines(command, bucket)


def test_cp_r_copies_the_tree(mounted, bucket, work, source_tree):
    processes.run(["cp", "-r", mounted.point, work / "copy"])
    assert tree(work / "copy") == source_tree


def test_tar_packs_the_tree(mounted, bucket):
    packed = processes.run(["tar", "-cf", "-", "-C", mounted.point, "v2_slash.zarr", "v3_shard.zarr"]).stdout
    with tarfile.open(fileobj=io.BytesIO(packed)) as archive:
        files = {m.name: archive.extractfile(m).read() for m in archive.getmembers() if m.isfile()}
    assert files
    for name, body in files.items():
        assert body == (bucket / name).read_bytes(), name
    there = [p for store in ("v2_slash.zarr", "v3_shard.zarr") for p in (bucket / store).rglob("*") if p.is_file()]
    assert len(files) == len(there)


def test_du_counts_the_bytes_of_the_source(mounted, bucket):
    def size(folder):
        return sum(os.lstat(os.path.join(here, name)).st_size for here, _, names in os.walk(folder) for name in names)

    assert size(mounted.point) == size(bucket)
    shown = int(lines(["du", "-s", "--apparent-size", "-B1", "raw"], mounted.point)[0].split()[0])
    assert shown >= size(bucket / "raw")


def test_df_answers(mounted):
    # A cache's numbers: whatever they are, they hold together.
    numbers = os.statvfs(mounted.point)
    assert numbers.f_bsize > 0 and numbers.f_blocks > 0 and numbers.f_bfree <= numbers.f_blocks
    processes.run(["df", mounted.point])


def test_odd_names_are_read_as_they_are(mounted, bucket):
    names = sorted(os.listdir(bucket / "odd names"))
    assert sorted(os.listdir(mounted / "odd names")) == names
    for name in names:
        assert (mounted / "odd names" / name).read_bytes() == name.encode(), name


def test_reads_at_any_place_are_right(mounted, bucket):
    whole = (bucket / "raw/big.bin").read_bytes()
    with open(mounted / "raw/big.bin", "rb", buffering=0) as body:
        for begin, length in ((len(whole) - 10, 100), (0, 1), (9 << 20, 300_000), (len(whole), 1), (1, 4096), ((8 << 20) - 1, 2)):
            assert os.pread(body.fileno(), length, begin) == whole[begin : begin + length], (begin, length)


def test_inodes_and_times_are_stable_across_mounts(s3, make_mount):
    def identities(mount):
        return {
            os.path.join(here, name): (info.st_ino, info.st_mtime, info.st_size)
            for here, _, names in os.walk(mount.point)
            for name in names
            for info in [os.lstat(os.path.join(here, name))]
        }

    with make_mount(s3) as mount:
        first = identities(mount)
        again = identities(mount)
        point = mount.point
    second = make_mount(s3)
    second.point = point
    with second:
        assert identities(second) == first
    assert again == first
    assert len({inode for inode, _, _ in first.values()}) == len(first)


@pytest.mark.parametrize(
    "attempt",
    [
        lambda m: open(m / "v2_raw.zarr/0.0.0", "r+b"),
        lambda m: open(m / "new", "wb"),
        lambda m: os.mkdir(m / "new"),
        lambda m: os.unlink(m / "raw/empty"),
        lambda m: os.rmdir(m / "raw"),
        lambda m: os.rename(m / "raw/empty", m / "raw/full"),
        lambda m: os.symlink("a", m / "new"),
        lambda m: os.link(m / "raw/empty", m / "new"),
        lambda m: os.truncate(m / "raw/big.bin", 0),
        lambda m: os.chmod(m / "raw/empty", 0o600),
        lambda m: os.utime(m / "raw/empty"),
    ],
    ids="open create mkdir unlink rmdir rename symlink link truncate chmod utime".split(),
)
def test_writing_is_refused(mounted, attempt):
    with pytest.raises(OSError) as caught:
        attempt(mounted)
    assert caught.value.errno == errno.EROFS


def test_zarr_opens_in_append_mode(mounted):
    """zarr.open's default mode makes a directory that exists: EEXIST, not EROFS, is what it expects."""
    with pytest.raises(FileExistsError):
        os.mkdir(mounted / "v2_dot.zarr")


def test_the_hidden_directory_is_there_and_not_listed(mounted):
    import json

    assert ".zarrfs" not in os.listdir(mounted.point)
    assert ".zarrfs" not in " ".join(lines(["find", "."], mounted.point))
    assert isinstance(json.loads((mounted / ".zarrfs/stats.json").read_bytes()), dict)
    assert isinstance(json.loads((mounted / ".zarrfs/config.json").read_bytes()), dict)


def test_xattrs_only_when_asked(s3, make_mount):
    with make_mount(s3) as mount:
        with pytest.raises(OSError) as caught:
            os.getxattr(mount / "raw/empty", "user.zarrfs.etag")
        assert caught.value.errno == errno.ENOTSUP
    with make_mount(s3, xattrs=True) as mount:
        (mount / "v2_raw.zarr/0.0.0").read_bytes()
        assert os.getxattr(mount / "v2_raw.zarr/0.0.0", "user.zarrfs.key").decode().endswith("v2_raw.zarr/0.0.0")
        assert os.getxattr(mount / "v2_raw.zarr/0.0.0", "user.zarrfs.etag")


def test_a_prefix_can_be_the_root(s3, bucket, make_mount):
    for source in ("s3://bucket/v2_dot.zarr", "s3://bucket/v2_dot.zarr/"):
        with make_mount(s3, source=source) as mount:
            assert tree(mount.point) == tree(bucket / "v2_dot.zarr")


def test_a_mapped_file_reads_right(mounted, bucket):
    """In a process of its own: a fault in a mapping is a SIGBUS."""
    script = "import mmap, sys; f = open(sys.argv[1]); m = mmap.mmap(f.fileno(), 0, access=mmap.ACCESS_READ); print(m[20 << 20:][:1000].hex())"
    seen = processes.run([sys.executable, "-c", script, mounted / "raw/big.bin"]).stdout
    assert bytes.fromhex(seen.decode()) == (bucket / "raw/big.bin").read_bytes()[20 << 20 :][:1000]


def test_many_readers_of_everything_at_once(mounted, bucket):
    """Eight processes read all, each in an order of its own."""
    script = "find . -type f -print0 | shuf -z --random-source=<(yes {0}) | xargs -0 sha256sum | sort"
    running = [
        subprocess.Popen(
            ["bash", "-o", "pipefail", "-c", script.format(seed)], cwd=mounted.point, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        for seed in range(8)
    ]
    expected = processes.run(["bash", "-c", script.format(0)], cwd=bucket).stdout.splitlines()
    for process in running:
        told, complaint = process.communicate(timeout=90)
        assert (set(expected) ^ set(told.splitlines()), complaint, process.returncode) == (set(), b"", 0)


def test_digest_of_a_large_object(mounted, bucket):
    assert digest(mounted / "raw/big.bin") == digest(bucket / "raw/big.bin")
