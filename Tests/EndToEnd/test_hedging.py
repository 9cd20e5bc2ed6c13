"""A small GET that is slow to begin is made once more, and the faster one answers."""

import threading

import pytest
from harness import processes
from harness.mount import PATIENCE

#: Each has the same bytes, so each is fetched only with --dedup off. Over the hundred heads that have to be seen first, and enough for four second GETs: a busy machine may take one before.
WARM = 400
BODY = bytes(range(256)) * 16


@pytest.fixture
def many(new_bucket):
    """A bucket of `WARM` small objects and one more, `slow`."""
    name, put = new_bucket
    for index in range(WARM):
        put(f"warm/{index:03d}", BODY)
    put("slow", BODY[::-1])
    return name


def warmed(mount):
    for index in range(WARM):
        assert (mount / f"warm/{index:03d}").read_bytes() == BODY


def test_a_stalled_get_is_overtaken(many, proxy, make_mount):
    with make_mount(proxy, source=f"s3://{many}", prefetch="off", dedup="off") as mount:
        warmed(mount)
        proxy.forget()
        # The first GET alone, before its head. A stall lasts until it is released or the daemon hangs up.
        stalled = proxy.fault("stall", kind="GET", key=f"{many}/slow", times=1)
        assert (mount / "slow").read_bytes() == BODY[::-1]
        assert not stalled.released.is_set(), "the stalled request was never let go"
        assert stalled.hits == 1
        gets = proxy.requests("GET", f"{many}/slow")
        assert [get.status for get in gets] == [0, 206] or [get.status for get in gets] == [0, 200]
        assert gets[0].range == gets[1].range, "both are the same request"
        stats = mount.stats()
        assert stats["remote.hedged"] >= 1 and stats["remote.hedge_won"] >= 1
        assert stats["remote.errors"] == 0 and stats["remote.retries"] == 0
        # The slower one is cancelled: nothing stays under way, here or there.
        processes.wait_until(lambda: mount.stats()["reads.open_fetches"] == 0, PATIENCE, "the end of the fetches")


def test_hedge_off_waits_for_the_one(many, proxy, make_mount):
    with make_mount(proxy, source=f"s3://{many}", prefetch="off", dedup="off", hedge="off") as mount:
        warmed(mount)
        held = proxy.fault("hold", kind="GET", key=f"{many}/slow", times=1)
        read = []
        reader = threading.Thread(target=lambda: read.append((mount / "slow").read_bytes()), daemon=True)
        reader.start()
        processes.wait_until(lambda: held.hits, PATIENCE, "the GET")
        held.release()
        reader.join(PATIENCE)
        assert read == [BODY[::-1]]
        assert proxy.count("GET", f"{many}/slow") == 1
        assert mount.stats()["remote.hedged"] == 0


def test_few_requests_are_never_doubled(proxy, bucket, make_mount, read_stores):
    """What is slow from the beginning is not known to be slow: a delay of seconds, and one GET for each chunk."""
    with make_mount(proxy, timeout="60s") as mount:
        proxy.fault("delay", kind="GET", key=r"v2_raw\.zarr/0\.0\..", seconds=1.5)
        assert read_stores("zarr", [mount / "v2_raw.zarr"]) == read_stores("zarr", [bucket / "v2_raw.zarr"])
        assert mount.stats()["remote.hedged"] == 0
