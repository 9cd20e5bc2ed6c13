"""stores.py ROOT: deterministic Zarr stores that stand for real use, some 500 MB. Needs zarr 3, xarray and numpy."""

import os
import sys

import numpy as np
import xarray as xr
import zarr
from zarr.codecs import ZstdCodec

HOURS, CHUNKS = 480, (4, 90, 180)


def field(random, shape):
    """Smooth and noisy, compressing about 2:1 like reanalysis data."""
    base = np.cumsum(random.standard_normal(shape[-1]).astype("f4"))
    return np.round(base + random.standard_normal(shape).astype("f4") * 0.05, 2).astype("f4")


def main(root):
    random = np.random.default_rng(7)
    # One variable for each thing that is to be measured cold: scan, walk, walk backwards, serial reader.
    hours = {"air": HOURS, "wind": 240, "rain": 240, "snow": 60}
    for name, length in hours.items():
        data = xr.Dataset(
            {name: ((f"time_{length}", "lat", "lon"), field(random, (length, 180, 360)))},
            coords={
                f"time_{length}": np.arange(length),
                "lat": np.linspace(-90, 90, 180).astype("f4"),
                "lon": np.arange(360, dtype="f4"),
            },
        )
        data.to_zarr(f"{root}/era_v2.zarr", mode="a", zarr_format=2, consolidated=True, encoding={name: {"chunks": CHUNKS}})
    shard = zarr.create_array(
        f"{root}/shard_v3.zarr", shape=(64, 1024, 1024), shards=(8, 1024, 1024), chunks=(8, 128, 128), dtype="f4",
        compressors=ZstdCodec(level=1),
    )
    shard[...] = random.standard_normal((64, 1024, 1024)).astype("f4")
    sparse = zarr.create_array(
        f"{root}/sparse_v2.zarr", shape=(4000, 400), chunks=(20, 20), dtype="f4", zarr_format=2, fill_value=-1.0,
        config={"write_empty_chunks": False},
    )
    for row in range(0, 4000, 200):
        sparse[row : row + 20, 0:20] = 1.0
    zarr.create_array(f"{root}/flat_v2.zarr", shape=(4000 * 16,), chunks=(16,), dtype="i4", zarr_format=2, compressors=None)
    for index in range(4000):
        with open(f"{root}/flat_v2.zarr/{index}", "wb") as chunk:
            chunk.write(np.arange(index * 16, index * 16 + 16, dtype="<i4").tobytes())
    os.makedirs(f"{root}/raw")
    with open(f"{root}/raw/big.bin", "wb") as big:
        for _ in range(128):
            big.write(random.bytes(1 << 20))
    # Two shards of 64 inner chunks, for the walk: the other array is read at random.
    inner = zarr.create_array(
        f"{root}/inner_v3.zarr", shape=(16, 1024, 1024), shards=(8, 1024, 1024), chunks=(8, 128, 128), dtype="f4",
        compressors=ZstdCodec(level=1),
    )
    inner[...] = random.standard_normal((16, 1024, 1024)).astype("f4")


if __name__ == "__main__":
    main(sys.argv[1])
