"""growth.py: does it get slower when an array is larger? The time of one chunk in arrays of 1,000, 30,000 and 1,000,000 chunks.

One mount and one S3 server of generated objects on loopback. Each array is listed whole (`ls`), then 400 chunks are read: first from the
server, then with the kernel's names and pages dropped, so that each is a LOOKUP and a READ of what is cached. Medians.
"""

import argparse
import json
import os
import random
import statistics
import subprocess
import time

from world import ROOT, drop_page_cache, folder, raise_on_sigterm

import harness.mount
from harness.listing import _etag, _Handler, _Server

SIZES = [1_000, 30_000, 1_000_000]
BODY = bytes(range(256)) * 16


class Arrays:
    """Array `aN` has the chunks c/N to c/(2N-1) of a grid of 2N: their names are of one length, so they sort as numbers do."""

    lists = gets = heads = 0

    def __init__(self):
        self.keys = {f"a{size}/zarr.json": document(size) for size in SIZES}
        self.server = _Server(("127.0.0.1", 0), type("Handler", (_Arrays,), {"world": self}))

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server.server_address[1]}"

    def counted(self, what):
        setattr(self, what, getattr(self, what) + 1)

    def body(self, key):
        name, slash, number = key.partition("/c/")
        size = int(name[1:]) if name[1:].isdigit() else 0
        if slash and size in SIZES and number.isdigit() and number == str(int(number)) and size <= int(number) < 2 * size:
            return BODY[: len(BODY) - 20] + f"{key:>20}".encode()
        return self.keys.get(key)


class _Arrays(_Handler):
    def listing(self, query):
        self.world.counted("lists")
        prefix, delimiter = query.get("prefix", ""), query.get("delimiter", "")
        limit = min(int(query.get("max-keys") or 1000), 1000)
        rows, token = [], ""
        name, slash, _ = prefix.partition("/c/")
        if slash and name[1:].isdigit():
            size = int(name[1:])
            first = int(query.get("continuation-token") or size)
            last = min(first + limit, 2 * size)
            rows = [self.row(f"{name}/c/{number}", len(BODY)) for number in range(first, last)]
            token = f"<NextContinuationToken>{last}</NextContinuationToken>" if last < 2 * size else ""
        else:
            for key, body in self.world.keys.items():
                if key.startswith(prefix):
                    head, deeper, _ = key[len(prefix) :].partition("/")
                    if delimiter and deeper:
                        rows.append(f"<CommonPrefixes><Prefix>{prefix}{head}/</Prefix></CommonPrefixes>")
                    else:
                        rows.append(self.row(key, len(body)))
                        if delimiter:
                            rows.append(f"<CommonPrefixes><Prefix>{key[: key.index('/')]}/c/</Prefix></CommonPrefixes>")
        self.answer(
            200,
            f"<ListBucketResult><IsTruncated>{'true' if token else 'false'}</IsTruncated>{token}{''.join(rows)}"
            "</ListBucketResult>".encode(),
        )  # fmt: skip

    def row(self, key, size):
        return (
            f"<Contents><Key>{key}</Key><LastModified>2026-11-28T10:00:00.000Z</LastModified>"
            f"<ETag>{_etag(self.world.body(key))}</ETag><Size>{size}</Size></Contents>"
        )


def document(size):
    return json.dumps({
        "zarr_format": 3, "node_type": "array", "shape": [2 * size * 1024], "data_type": "float32", "fill_value": 0,
        "chunk_grid": {"name": "regular", "configuration": {"chunk_shape": [1024]}},
        "chunk_key_encoding": {"name": "default"}, "codecs": [{"name": "bytes", "configuration": {"endian": "little"}}],
    }).encode()  # fmt: skip


def median(folder, names):
    times = []
    for name in names:
        begun = time.perf_counter()
        with open(f"{folder}/{name}", "rb", buffering=0) as file:
            last = file.read(1 << 20)[-20:]
        times.append(time.perf_counter() - begun)
        if not last.strip().endswith(f"/c/{name}".encode()):
            raise SystemExit(f"growth: {name} reads {last}")
    return statistics.median(times)


def main():
    import threading

    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--zarrfs", default=str(ROOT / ".build/release/zarrfs"))
    options = arguments.parse_args()
    raise_on_sigterm()
    harness.mount.ZARRFS = os.path.abspath(options.zarrfs)
    arrays = Arrays()
    threading.Thread(target=arrays.server.serve_forever, daemon=True).start()
    more = {"endpoint_url": arrays.url, "region": "us-east-1", "no_sign_request": True, "prefetch": "off", "ttl": "1h"}
    try:
        with folder("zarrfs-growth.") as work:
            with harness.mount.Mount("s3://bucket", work / "mnt", work / "cache", work, cache_size="4GiB", **more) as mount:
                table = []
                for size in SIZES:
                    place = mount.point / f"a{size}"
                    (place / "zarr.json").read_bytes()
                    begun = time.perf_counter()
                    listed = subprocess.run(["ls", "-f", place / "c"], capture_output=True, check=True).stdout.count(b"\n") - 2
                    took = time.perf_counter() - begun
                    if listed != size:
                        raise SystemExit(f"growth: {listed} of {size} chunks are listed")
                    names = random.Random(1).sample(range(size, 2 * size), 400)
                    cold = median(place / "c", names)
                    drop_page_cache()
                    near = median(place / "c", names)
                    table.append((size, took, cold, near))
                    print(f"{size:>9,} chunks: listed in {took:6.1f} s", flush=True)
        print(f"\n{'chunks':>10} | {'from the server':>15} | {'from the cache':>15} | ratios to the smallest")
        for size, _, cold, near in table:
            print(f"{size:>10,} | {cold * 1e6:12.0f} us | {near * 1e6:12.0f} us | {cold / table[0][2]:.2f}, {near / table[0][3]:.2f}")
    finally:
        arrays.server.shutdown()
        arrays.server.server_close()


if __name__ == "__main__":
    main()
