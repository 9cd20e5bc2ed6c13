"""`--dedup`: objects of the same MD5 and size are fetched once and take the disk once (docs/decisions/009)."""

import json
import os
import re
import subprocess

import pytest
from harness import processes
from harness.proxy import Proxy

#: Incompressible and of more than one block, so that the disk has it in full.
BODY = os.urandom(600_000)
OTHER = os.urandom(600_000)


@pytest.fixture
def runs(new_bucket):
    """Two model runs of the same coordinates and other data; the bucket's name."""
    name, put = new_bucket
    for run, data in ("yesterday", os.urandom(600_000)), ("today", OTHER):
        put(f"{run}/lat", BODY)
        put(f"{run}/air", data)
    return name


def stats(mount):
    text = subprocess.run(
        [mount.command()[0], "stats", mount.point, "--json"], capture_output=True, check=True).stdout
    return json.loads(text)["cache"]


def settled(mount, bodies):
    """The row of a body comes after its reader's answer."""
    processes.wait_until(lambda: stats(mount)["bodies"] >= bodies, 30, f"{bodies} bodies")


def disk(folder):
    return int(subprocess.run(["du", "-s", "-B1", folder], capture_output=True, check=True).stdout.split()[0])


def body_bytes(cache):
    [bodies] = cache.glob("*/bodies")
    return disk(bodies)


def read_both(proxy, mount):
    # The listings tell the tags.
    for run in "yesterday", "today":
        os.listdir(mount / run)
    assert (mount / "yesterday/lat").read_bytes() == BODY
    settled(mount, 1)
    assert (mount / "today/lat").read_bytes() == BODY


def test_the_coordinates_of_two_runs_are_fetched_once(s3, runs, make_mount, work):
    with Proxy(s3.port, bucket=runs) as proxy:
        with make_mount(proxy, source=f"s3://{runs}", ttl="1h", prefetch="off") as mount:
            read_both(proxy, mount)
            assert proxy.count("GET", ".*/lat") == 1
            numbers = stats(mount)
            assert (numbers["deduplicated"], numbers["deduplicated_bytes"]) == (1, len(BODY))
            assert len(BODY) <= numbers["body_bytes"] < 2 * len(BODY)
            assert body_bytes(work / "cache") < 2 * len(BODY)
            # Other bytes of the same size are other bytes.
            assert (mount / "today/air").read_bytes() == OTHER
            assert proxy.count("GET", ".*/air") == 1
            before = stats(mount)["body_bytes"]
            freed = evict(mount, "yesterday/lat")
            assert freed == 0
            # Whoever still holds the body may let go a moment later; until then it counts in full.
            processes.wait_until(lambda: stats(mount)["body_bytes"] == before, 30, "one copy of each body")
        # And so after a remount.
        with make_mount(proxy, source=f"s3://{runs}", ttl="1h", prefetch="off") as mount:
            assert (mount / "today/lat").read_bytes() == BODY
            # Gone, and linked again.
            assert (mount / "yesterday/lat").read_bytes() == BODY
            assert proxy.count("GET", ".*/lat") == 1
            assert stats(mount)["deduplicated"] == 1
            assert stats(mount)["body_bytes"] == before


def evict(mount, path):
    text = subprocess.run(
        [mount.command()[0], "evict", mount / path], capture_output=True, check=True, text=True).stdout
    return int(re.search(r"\d+", text).group())


def test_an_open_by_get_stops_where_the_head_tells_the_tag(s3, runs, make_mount):
    """Found out by the GET itself: a chunk that nobody listed."""
    with Proxy(s3.port, bucket=runs) as proxy, make_mount(proxy, source=f"s3://{runs}", ttl="1h", prefetch="off") as mount:
        assert (mount / "yesterday/lat").read_bytes() == BODY
        settled(mount, 1)
        assert (mount / "today/lat").read_bytes() == BODY
        assert stats(mount)["deduplicated"] == 1


def test_switched_off_both_are_fetched(s3, runs, make_mount, work):
    with Proxy(s3.port, bucket=runs) as proxy:
        with make_mount(proxy, source=f"s3://{runs}", ttl="1h", prefetch="off", dedup="off") as mount:
            read_both(proxy, mount)
            settled(mount, 2)
            assert proxy.count("GET", ".*/lat") == 2
            assert stats(mount)["deduplicated"] == 0
            assert body_bytes(work / "cache") >= 2 * len(BODY)


def test_the_cache_survives_a_kill_with_shared_bodies(s3, runs, make_mount, work):
    with Proxy(s3.port, bucket=runs) as proxy:
        mount = make_mount(proxy, source=f"s3://{runs}", ttl="1h", prefetch="off").start()
        read_both(proxy, mount)
        mount.kill9()
        mount.clear()
        with make_mount(proxy, source=f"s3://{runs}", ttl="1h", prefetch="off") as mount:
            assert (mount / "today/lat").read_bytes() == BODY
            assert (mount / "yesterday/lat").read_bytes() == BODY
            settled(mount, 2)
        result = subprocess.run(
            [mount.command()[0], "cache", "verify", f"s3://{runs}", "--cache-dir", work / "cache"],
            capture_output=True, text=True, env=mount.env)
        assert result.returncode == 0, result.stdout + result.stderr
